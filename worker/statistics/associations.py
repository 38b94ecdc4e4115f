"""Which numbers of models go together, raw and at equal train loss."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from backend.contracts.associations import Association, Correlation
from worker.statistics.ranks import Floats, corrected, kendall, partial, pearson, ranks, spearman

DRAWS = 1000
PERMUTATIONS = 5000
MOST_PERMUTATIONS = 200_000
FEW = 10
FEWEST = 4
FEWEST_FOR_INTERVALS = 8
SEED = 0


@dataclass(frozen=True)
class Column:
    """One number of every independent model.

    Attributes:
        name: key of the measure.
        values: ``(models,)``, NaN where there is none.
        is_shared: whether models share parts of it (a mean over pairs of a group), so that they are not
            independent and have neither interval nor p.
    """

    name: str
    values: Floats
    is_shared: bool = False


def associations(
    measures: Sequence[Column], outcomes: Sequence[Column], *, control: Column | None,
    tags: Sequence[Mapping[str, str]],
) -> list[Association]:  # fmt: skip
    """Every measure against every outcome, corrected for all that was looked at.

    Args:
        control: what partial correlations hold still, such as the train loss.
        tags: settings of each model, for the granulated coefficient.
    """
    found = [_one(m, o, control, tags) for m in measures for o in outcomes if m.name != o.name]
    raw = np.array([math.nan if a.p is None else a.p for a in found], dtype=np.float64)
    held = np.array([math.nan if a.p_partial is None else a.p_partial for a in found], dtype=np.float64)
    both = corrected(np.concatenate([raw, held]))
    return [
        a.model_copy(update={"q": _number(both[k]), "q_partial": _number(both[k + len(found)])})
        for k, a in enumerate(found)
    ]


def _one(measure: Column, outcome: Column, control: Column | None, tags: Sequence[Mapping[str, str]]) -> Association:
    known = np.isfinite(measure.values) & np.isfinite(outcome.values)
    x, y = measure.values[known], outcome.values[known]
    blank = {"measure": measure.name, "outcome": outcome.name, "n": int(known.sum())}
    if len(x) < FEWEST:
        return Association(
            **blank, sentence=f"Only {len(x)} independent models have both numbers; {FEWEST} are needed."
        )
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Association(**blank, sentence="One of the two is the same for all models.")
    independent = not (measure.is_shared or outcome.is_shared)
    count = DRAWS if len(x) >= FEWEST_FOR_INTERVALS else 1
    rows = np.random.default_rng(SEED).integers(0, len(x), (count, len(x)))
    plain = {
        "spearman": _interval(spearman(x, y), spearman(x[rows], y[rows]), independent=independent),
        "kendall": _interval(kendall(x, y), kendall(x[rows], y[rows]), independent=independent),
        "p": _permuted(x, y) if independent else None,
        "granulated": granulated(x, y, [t for t, k in zip(tags, known, strict=True) if k]),
    }
    own = () if control is None else (measure.name, outcome.name)
    if control is None or control.name in own or not np.isfinite(control.values[known]).all():
        return Association(**blank, **plain)
    z = control.values[known]
    if np.ptp(z) == 0 or len(x) <= FEWEST:
        return Association(**blank, **plain)
    held = {}
    for name, correlation in (("spearman", spearman), ("kendall", kendall)):
        held[f"{name}_partial"] = _interval(
            partial(correlation(x, y), correlation(x, z), correlation(y, z)),
            partial(correlation(x[rows], y[rows]), correlation(x[rows], z[rows]), correlation(y[rows], z[rows])),
            independent=independent,
        )
    p_partial = _p_of_partial(held["spearman_partial"], len(x)) if independent else None
    return Association(**blank, **plain, **held, p_partial=p_partial)


def _interval(value: Floats, drawn: Floats, *, independent: bool) -> Correlation | None:
    """A coefficient with the middle 95 % of those of redrawn models; alone where these say nothing."""
    if not np.isfinite(value):
        return None
    known = drawn[np.isfinite(drawn)]
    # A perfect order stays perfect in every draw, and few models repeat themselves too often.
    is_perfect = abs(float(value)) > 1 - 1e-9
    if not independent or is_perfect or drawn.shape[0] != DRAWS or len(known) < DRAWS // 2:
        return Correlation(value=float(value))
    low, high = np.quantile(known, [0.025, 0.975])
    return Correlation(value=float(value), low=min(float(low), float(value)), high=max(float(high), float(value)))


def _permuted(x: Floats, y: Floats) -> float:
    """Two-sided p of Spearman's ρ: how often shuffled models agree as much."""
    return _share(ranks(x), ranks(y))


def _p_of_partial(found: Correlation | None, models: int) -> float | None:
    """Two-sided p of a partial rank correlation, from Student's t with n - 3 degrees of freedom."""
    if found is None or models < FEWEST + 1:
        return None
    room = 1 - min(1.0, found.value**2)
    if room < 1e-12:
        return 0.0
    return float(2 * stats.t.sf(abs(found.value) * math.sqrt((models - 3) / room), models - 3))


def _share(a: Floats, b: Floats) -> float:
    real = abs(float(pearson(a, b)))
    if not math.isfinite(real):
        return 1.0
    generator = np.random.default_rng(SEED)
    extreme = drawn = 0
    # A small p needs more permutations than a large one, or no correction would leave anything of it.
    while drawn < PERMUTATIONS or (extreme < FEW and drawn < MOST_PERMUTATIONS):
        shuffled = generator.permuted(np.tile(a, (PERMUTATIONS, 1)), axis=1)
        extreme += int((np.abs(pearson(shuffled, b[None])) >= real - 1e-12).sum())
        drawn += PERMUTATIONS
    return (1 + extreme) / (1 + drawn)


def granulated(x: Floats, y: Floats, tags: Sequence[Mapping[str, str]]) -> float | None:
    """Kendall's τ where only one setting differs, averaged over settings.

    Source: Jiang et al. 2020, equation 5.
    """
    axes = sorted({name for t in tags for name in t})
    means = []
    for axis in axes:
        cells: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for k, t in enumerate(tags):
            if axis in t:
                cells.setdefault(tuple(sorted((n, v) for n, v in t.items() if n != axis)), []).append(k)
        parts = [
            float(np.mean([np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i, j in pairs]))
            for rows in cells.values()
            if (pairs := [(i, j) for i, j in combinations(rows, 2) if tags[i][axis] != tags[j][axis]])
        ]
        if parts:
            means.append(sum(parts) / len(parts))
    return sum(means) / len(means) if means else None


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
