"""Whether paired numbers differ: exact tests over units, their effect sizes, and what so many units can show."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, permutations
from math import comb, factorial

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from kinscape.backend.statistics.jackknife import CONFIDENCE

Floats = npt.NDArray[np.float64]
# All 65,536 choices of signs of sixteen units are tried; of more units, as many at random.
MOST_EXACT = 16
# A choice of signs that is the data itself counts as equally extreme, whatever the order of summation.
ROUNDING = 1e-12
# Two numbers have a t interval some nine standard deviations wide: it says nothing.
FEWEST_FOR_INTERVAL = 3
# In four studies of five: the usual convention (Cohen 1988).
POWER = 0.8
SEED = 0


@dataclass(frozen=True)
class Tested:
    """A test of paired differences in both directions.

    Attributes:
        p_less, p_greater: share of choices of signs at least as far below, or above; the real one included.
        smallest: no p of so many units can be smaller.
        are_all: whether every choice of signs was tried.
    """

    p_less: float
    p_greater: float
    smallest: float
    are_all: bool


def sign_flip(differences: Floats) -> Tested:
    """Whether the mean of differences is 0, by exchanging the two sides of each unit.

    Exact under the hypothesis that the two sides of every unit may be exchanged.

    Source: Fisher 1935, section 21.

    Args:
        differences: ``(units,)``, finite; at least one.
    """
    size = np.abs(differences).sum()
    sums = _signs(len(differences)) @ differences
    real, slack = differences.sum(), ROUNDING * size
    smallest = 1 / len(sums)
    return Tested(
        p_less=float((sums <= real + slack).mean()),
        p_greater=float((sums >= real - slack).mean()),
        smallest=smallest,
        are_all=len(differences) <= MOST_EXACT,
    )


def largest_of(numbers: Floats, sign: int) -> Floats:
    """P of each of several tests, adjusted for the largest of them, by exchanging the two sides of all tests at once.

    The family-wise error is held at the level, and what the tests share is used: tests that say the same are not paid
    for twice, and no p is larger than it must be for so few units.

    Source: Westfall & Young 1993, single-step maxT.

    Args:
        numbers: ``(tests, units)`` what signs are flipped of, such as differences or signed ranks; 0 where a test
            does not have a unit. No test has zeros only.
        sign: 1 where large sums count as extreme, -1 where small ones do.
    """
    scaled = sign * numbers / np.sqrt((numbers**2).sum(1, keepdims=True))
    largest = (_signs(numbers.shape[1]) @ scaled.T).max(1)
    found: Floats = (largest[:, None] >= scaled.sum(1)[None] - ROUNDING).mean(0)
    return found


def wilcoxon(differences: Floats) -> Tested:
    """Whether differences lie around 0, by the signed-rank test; exact, also with ties.

    Units without a difference are left out, as in Wilcoxon 1945.

    Args:
        differences: ``(units,)``, finite.
    """
    ranked = signed_ranks(differences)
    some = ranked[ranked != 0]
    return sign_flip(some) if len(some) else Tested(1.0, 1.0, 1.0, are_all=True)


def signed_ranks(differences: Floats) -> Floats:
    """``(units,)`` ranks of sizes with the signs of the differences; ties share theirs, a difference of 0 has 0."""
    found = np.zeros(len(differences))
    some = differences != 0
    found[some] = np.sign(differences[some]) * stats.rankdata(np.abs(differences[some]))
    return found


def rank_biserial(differences: Floats) -> float | None:
    """Matched-pairs rank-biserial correlation, -1 (all negative) … 1 (all positive); None where all are 0.

    Source: Kerby 2014.
    """
    ranked = signed_ranks(differences)
    total = float(np.abs(ranked).sum())
    return float(ranked.sum()) / total if total else None


def mean_interval(values: Floats) -> tuple[float, float] | None:
    """95 % interval of a mean over independent units by Student's t; None for fewer than three."""
    if len(values) < FEWEST_FOR_INTERVAL:
        return None
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def apart_by_chance(values: Floats) -> float:
    """How far two new units lie from one another at most in 95 cases of 100, were units normal.

    The difference of two new units over √2 times the standard deviation of ``n`` others follows t with n - 1 degrees.

    Source: prediction interval of Hahn 1969, for a difference of two.
    """
    return float(np.sqrt(2) * stats.t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1) * values.std(ddof=1))


def equivalent_within(differences: Floats, level: float) -> float | None:
    """The smallest margin within which two one-sided t tests find the mean to lie; None for fewer than three units.

    The larger end of the interval of confidence 1 - 2 · level, so what lies beyond it is ruled out at the level.

    Source: Schuirmann 1987.
    """
    if len(differences) < FEWEST_FOR_INTERVAL:
        return None
    half = stats.t.ppf(1 - level, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences))
    return float(abs(differences.mean()) + half)


def smallest_p(units: int) -> float:
    """The smallest one-sided p that an exact test of so many pairs can give."""
    return 2.0 ** -min(units, MOST_EXACT)


def detectable(units: int, level: float) -> float | None:
    """Mean difference in standard deviations that a one-sided test finds in four studies of five; None for none.

    By the non-central t distribution: exact tests of so few units have nearly its power where they can reach the
    level at all.
    """
    if units < 2 or smallest_p(units) > level:
        return None
    freedom = units - 1
    limit = stats.t.ppf(1 - level, freedom)

    def missing(size: float) -> float:
        return float(stats.nct.sf(limit, freedom, size * np.sqrt(units))) - POWER

    # Beyond 50 the distribution is no longer computed reliably, and nothing so large needs a test.
    return float(optimize.brentq(missing, 0, 50 / np.sqrt(units))) if missing(50 / np.sqrt(units)) > 0 else None


def two_samples(one: Floats, two: Floats) -> Tested:
    """Whether the ranks of one sample lie below those of another, by dealing out the units anew.

    Exact, also with ties, where all deals are tried.

    Source: Mann & Whitney 1947.
    """
    return dealt(stats.rankdata(np.concatenate([one, two])), len(one))


def censored_samples(one: Floats, two: Floats, seen: npt.NDArray[np.bool_]) -> Tested:
    """The same for times of which some were not waited for: such a time is longer than its wait, and no more is known.

    A time that was not seen to end counts as longer than those that ended before its own wait was over; any other pair
    counts as equal.

    Source: Gehan 1965, by his scores.

    Args:
        one, two: times, or how long they were waited for.
        seen: ``(one + two,)`` whether each was seen to end.
    """
    times = np.concatenate([one, two])
    longer = (times[:, None] > times[None]) & seen[None] | (times[:, None] == times[None]) & ~seen[:, None] & seen[None]
    return dealt((longer.astype(int) - longer.T.astype(int)).sum(1).astype(np.float64), len(one))


def dealt(scores: Floats, first: int) -> Tested:
    """Whether the scores of the first units are small or large in sum, over deals of all scores to the units."""
    deals, are_all = _deals(first, len(scores))
    sums = scores[deals].sum(1)
    real = scores[:first].sum()
    return Tested(
        p_less=float((sums <= real + ROUNDING).mean()),
        p_greater=float((sums >= real - ROUNDING).mean()),
        smallest=1 / len(deals),
        are_all=are_all,
    )


def smallest_p_of_two(first: int, second: int) -> float:
    """The smallest one-sided p that an exact test of two samples of these sizes can give."""
    return 1 / min(comb(first + second, first), 2**MOST_EXACT) if first and second else 1.0


def assignments(units: int) -> tuple[npt.NDArray[np.int64], bool]:
    """Ways to assign units to one another, ``(ways, units)``, and whether these are all; first each to itself."""
    if factorial(units) <= 2**MOST_EXACT:
        return np.array(list(permutations(range(units))), dtype=np.int64), True
    generator = np.random.default_rng(SEED)
    drawn = generator.permuted(np.tile(np.arange(units), (2**14, 1)), axis=1)
    drawn[0] = np.arange(units)
    return drawn, False


def smallest_p_of_assignments(units: int) -> float:
    """The smallest one-sided p that a test over assignments of so many units can give."""
    return 1 / factorial(units) if factorial(units) <= 2**MOST_EXACT else 2.0**-14


def largest_of_draws(draws: Floats, sign: int) -> Floats:
    """P of each of several tests, adjusted for the largest of them, from their statistics over the same draws.

    Source: Westfall & Young 1993, single-step maxT.

    Args:
        draws: ``(tests, draws)``; the first draw is the data. A test that is the same in all draws has p 1.
        sign: 1 where large statistics count as extreme, -1 where small ones do.
    """
    spread = draws.std(1, keepdims=True)
    scaled = sign * (draws - draws.mean(1, keepdims=True)) / np.where(spread > 0, spread, 1)
    largest = scaled.max(0)
    found: Floats = (largest[None] >= scaled[:, :1] - ROUNDING).mean(1)
    return found


@lru_cache(maxsize=4)
def _signs(units: int) -> Floats:
    """Choices of signs ``(choices, units)``; the first has none changed."""
    if units <= MOST_EXACT:
        bits = np.arange(2**units)[:, None] >> np.arange(units)[None] & 1
        return np.asarray(1.0 - 2.0 * bits, dtype=np.float64)
    drawn: Floats = np.random.default_rng(SEED).choice([-1.0, 1.0], size=(2**MOST_EXACT, units))
    drawn[0] = 1.0
    return drawn


@lru_cache(maxsize=4)
def _deals(first: int, units: int) -> tuple[npt.NDArray[np.int64], bool]:
    """Which units a deal gives to the first sample, ``(deals, first)``, and whether these are all deals."""
    if comb(units, first) <= 2**MOST_EXACT:
        return np.array(list(combinations(range(units), first)), dtype=np.int64).reshape(-1, first), True
    generator = np.random.default_rng(SEED)
    drawn = generator.permuted(np.tile(np.arange(units), (2**12, 1)), axis=1)[:, :first]
    drawn[0] = np.arange(first)
    return drawn, False
