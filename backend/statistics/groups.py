"""Two groups of models: means within and between, by bootstrap and by permutation of models."""

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# The ends of a 95 % interval to about a twentieth of its width (Efron & Tibshirani 1993, section 19.3).
DRAWS = 1000
# All splits of two groups of seven (1,716) are tried; of larger ones, as many at random.
MOST_SPLITS = 5000
# Two models have one pair, and a draw of both twice has none.
FEWEST_MODELS = 3
# A permutation that is the data itself must count as equally extreme, whatever the order of summation.
ROUNDING = 1e-12
SEED = 0


@dataclass(frozen=True)
class Permutations:
    """A permutation test.

    Attributes:
        p: share of splits at least as extreme, the real one included.
        splits: how many were tried.
        are_all: whether there are no others.
    """

    p: float
    splits: int
    are_all: bool


def mean_within(table: Floats) -> float:
    """Mean over pairs of a symmetric table ``(models, models)``; NaN where no pair has a number."""
    ones = np.ones((1, len(table)))
    return float(_within(table, ones, ones)[0])


def mean_between(table: Floats) -> float:
    """Mean of a table ``(models, models)`` between two groups; NaN where no pair has a number."""
    return float(_between(table, np.ones((1, table.shape[0])), np.ones((1, table.shape[1])))[0])


def bootstrap_within(table: Floats) -> tuple[float, float] | None:
    """95 % interval of the mean over pairs, over draws of models; None for too few.

    A model that is drawn twice has no pair with itself, so that pairs of one model never count.
    """
    if len(table) < FEWEST_MODELS:
        return None
    drawn = _draws(len(table), np.random.default_rng(SEED))
    return _interval(_within(table, drawn, drawn))


def bootstrap_between(table: Floats) -> tuple[float, float] | None:
    """95 % interval of the mean between two groups, over draws of models of either; None for too few."""
    if min(table.shape) < FEWEST_MODELS:
        return None
    generator = np.random.default_rng(SEED)
    return _interval(_between(table, *(_draws(n, generator) for n in table.shape)))


def contrast(table: Floats, first: int) -> Floats:
    """Mean within either group minus mean between them, ``()``; NaN where one of them has no pair.

    Args:
        table: symmetric ``(models, models)``; the first group comes first.
        first: models of the first group.
    """
    left = np.zeros((1, len(table)))
    left[:, :first] = 1
    value: Floats = _contrast(table, left, 1 - left)[0]
    return value


def bootstrap_contrast(table: Floats, first: int) -> tuple[float, float] | None:
    """95 % interval of the contrast, over draws of models of either group; None for too few."""
    drawn = _drawn_apart(table, first)
    return None if drawn is None else _interval(_contrast(table, *drawn))


def _drawn_apart(table: Floats, first: int) -> tuple[Floats, Floats] | None:
    """Draws of the models of either group, ``(draws, models)`` each; None where one has too few."""
    if min(first, len(table) - first) < FEWEST_MODELS:
        return None
    generator = np.random.default_rng(SEED)
    left = np.zeros((DRAWS, len(table)))
    right = np.zeros_like(left)
    left[:, :first] = _draws(first, generator)
    right[:, first:] = _draws(len(table) - first, generator)
    return left, right


def excess(table: Floats, first: int) -> float:
    """Mean within the first group minus mean between it and the others; NaN where one of them has no pair."""
    left = np.zeros((1, len(table)))
    left[:, :first] = 1
    return float(_excess(table, left, 1 - left)[0])


def bootstrap_excess(table: Floats, first: int) -> tuple[float, float] | None:
    """95 % interval of the excess, over draws of models of the group and of the others; None for too few."""
    drawn = _drawn_apart(table, first)
    return None if drawn is None else _interval(_excess(table, *drawn))


def permutation_test(table: Floats, first: int, *, sign: int, of_first: bool = False) -> Permutations:
    """Whether the contrast of two groups is larger than that of models split at random.

    Args:
        table: symmetric ``(models, models)``; the first group comes first.
        first: models of the first group.
        sign: 1 where larger values mean more alike, else -1.
        of_first: whether the excess of the first group is tested instead: its own pairs against those with others.
    """
    models = len(table)
    statistic = _excess if of_first else _contrast
    # Two groups of one size may change names without changing the split.
    mirrored = 2 * first == models and not of_first
    total = comb(models, first) // (2 if mirrored else 1)
    are_all = total <= MOST_SPLITS
    if are_all:
        chosen = [c for c in combinations(range(models), first) if not mirrored or c[0] == 0]
        left = np.zeros((len(chosen), models))
        np.put_along_axis(left, np.array(chosen), 1, axis=1)
    else:
        generator = np.random.default_rng(SEED)
        left = np.zeros((MOST_SPLITS, models))
        left[:, :first] = 1
        left[1:] = generator.permuted(left[1:], axis=1)
    values = sign * statistic(table, left, 1 - left)
    real = sign * (excess(table, first) if of_first else float(contrast(table, first)))
    return Permutations(float((values >= real - ROUNDING).mean()), len(left), are_all)


def _draws(models: int, generator: np.random.Generator) -> Floats:
    """How often each model is drawn, ``(draws, models)``."""
    counts = generator.multinomial(models, np.full(models, 1 / models), size=DRAWS)
    return counts.astype(np.float64)


def _parts(table: Floats) -> tuple[Floats, Floats]:
    """A table with 0 where there is no number, and 1 where there is one."""
    known = np.isfinite(table)
    return np.where(known, table, 0.0), known.astype(np.float64)


def _sums(table: Floats, left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Sums of the numbers between weighted models ``(draws, models)``, and how many there are, ``(draws,)``."""
    numbers, known = _parts(table)
    return ((left @ numbers) * right).sum(1), ((left @ known) * right).sum(1)


def _without_own(table: Floats) -> Floats:
    out = table.copy()
    np.fill_diagonal(out, np.nan)
    return out


def _ratio(total: Floats, count: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = np.where(count > 0, total / count, np.nan)
    return ratio


def _within(table: Floats, left: Floats, right: Floats) -> Floats:
    return _ratio(*_sums(_without_own(table), left, right))


def _between(table: Floats, left: Floats, right: Floats) -> Floats:
    return _ratio(*_sums(table, left, right))


def _contrast(table: Floats, left: Floats, right: Floats) -> Floats:
    """Mean over pairs within either of two weighted groups minus mean between them, ``(draws,)``."""
    own = _without_own(table)
    within = [np.add(*both) for both in zip(_sums(own, left, left), _sums(own, right, right), strict=True)]
    return _ratio(within[0], within[1]) - _ratio(*_sums(own, left, right))


def _excess(table: Floats, left: Floats, right: Floats) -> Floats:
    """Mean over pairs within the first of two weighted groups minus mean between them, ``(draws,)``."""
    own = _without_own(table)
    return _ratio(*_sums(own, left, left)) - _ratio(*_sums(own, left, right))


def _interval(drawn: Floats) -> tuple[float, float] | None:
    known = drawn[np.isfinite(drawn)]
    # Few models repeat themselves too often.
    if len(known) < DRAWS // 2:
        return None
    low, high = np.quantile(known, [0.025, 0.975], method="lower")
    return float(low), float(high)
