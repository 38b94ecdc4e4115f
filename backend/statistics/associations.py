"""Which numbers of models go together, raw and at equal train loss."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

from kinscape.backend.contracts.associations import Association, Correlation
from kinscape.backend.statistics.families import FamilyCorrelation, by_families
from kinscape.backend.statistics.ranks import Floats, benjamini_yekutieli, kendall, partial, pearson, ranks, spearman

# The ends of a 95 % interval rest on 25 draws each.
DRAWS = 1000
# The smallest p of so many is 0.0002; below it more are drawn.
PERMUTATIONS = 5000
# Smallest p 5e-6: a table of 330 tests divides by some 2,100 (Benjamini-Yekutieli) and still finds it.
MOST_PERMUTATIONS = 200_000
# A p from ten extreme permutations has a relative standard error of a third.
ENOUGH_EXTREME = 10
# Three models have six orders: no rank correlation of them can be significant.
FEWEST = 4
# Bootstrap draws of fewer models repeat themselves too often.
FEWEST_FOR_INTERVALS = 8
# From here on what is drawn tells no more than its limit does, and takes minutes for hundreds of models.
MANY = 60
SEED = 0

Indices = npt.NDArray[np.int64]
# For every tag, the pairs of each setting of the others: ``(2, pairs)``.
Axes = list[list[Indices]]

METHOD = (
    f"below {MANY} models: intervals by bootstrap of models ({DRAWS} draws), p by {PERMUTATIONS:,} permutations of "
    f"models ({MOST_PERMUTATIONS:,} for the smallest); from {MANY} on: intervals by Fisher's z, p by Student's t, as "
    "always for partial ones; all two-sided; q: Benjamini-Yekutieli over all tests of this table"
)
METHOD_OF_FAMILIES = (
    "networks of one family (a common start, teacher or run) are not independent: intervals and p by a jackknife that "
    "leaves out one family at a time, of Fisher's z, with Student's t; all two-sided; q: Benjamini-Yekutieli over all "
    "tests of this table"
)


CORRELATIONS: dict[str, Callable[[Floats, Floats], Floats]] = {"spearman": spearman, "kendall": kendall}


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
    measures: Sequence[Column],
    outcomes: Sequence[Column],
    *,
    control: Column | None,
    tags: Sequence[Mapping[str, str]],
    families: Sequence[int] = (),
) -> list[Association]:
    """Every measure against every outcome, with Benjamini–Yekutieli adjusted p values.

    Args:
        control: what partial correlations hold still, such as the train loss.
        tags: settings of each model, for the granulated coefficient.
        families: which family each model belongs to; empty where each is one of its own.
    """
    axes = axes_of(tags)
    pairs = [(m, o) for m in measures for o in outcomes if m.name != o.name]
    if len(set(families)) < len(families):
        heads = np.asarray(families)
        found = [_of_families(m, o, control, axes, heads) for m, o in pairs]
    else:
        found = [_one(m, o, control, axes) for m, o in pairs]
    raw = np.array([math.nan if a.p is None else a.p for a in found], dtype=np.float64)
    held = np.array([math.nan if a.p_partial is None else a.p_partial for a in found], dtype=np.float64)
    both = benjamini_yekutieli(np.concatenate([raw, held]))
    return [
        a.model_copy(update={"q": _number(both[k]), "q_partial": _number(both[k + len(found)])})
        for k, a in enumerate(found)
    ]


def _blank(measure: Column, outcome: Column, known: npt.NDArray[np.bool_], *, families: int) -> Association:
    """An association without numbers; its sentence says why there can be none."""
    n = int(known.sum())
    sentence = ""
    if families < FEWEST:
        sentence = f"Only {families} independent models have both numbers; {FEWEST} are needed."
    elif np.ptp(measure.values[known]) == 0 or np.ptp(outcome.values[known]) == 0:
        sentence = "One of the two is the same for all models."
    return Association(measure=measure.name, outcome=outcome.name, n=n, families=families, sentence=sentence)


def _of_families(
    measure: Column, outcome: Column, control: Column | None, axes: Axes, families: Indices
) -> Association:
    """An association over models of which some are related: what is independent are their families."""
    known = np.isfinite(measure.values) & np.isfinite(outcome.values)
    heads = families[known]
    blank = _blank(measure, outcome, known, families=len(set(heads.tolist())))
    if blank.sentence:
        return blank
    x, y = measure.values[known], outcome.values[known]
    independent = not (measure.is_shared or outcome.is_shared)

    def plain(name: str) -> FamilyCorrelation:
        coefficient = CORRELATIONS[name]
        return by_families(lambda rows: float(coefficient(x[rows], y[rows])), heads, has_test=independent)

    rho, tau = plain("spearman"), plain("kendall")
    alone = blank.model_copy(
        update={
            "spearman": rho.correlation,
            "kendall": tau.correlation,
            "p": rho.p,
            "granulated": granulated(measure.values, outcome.values, axes),
        }
    )
    if control is None or control.name in (measure.name, outcome.name):
        return alone
    z = control.values[known]
    if not np.isfinite(z).all() or np.ptp(z) == 0 or blank.families <= FEWEST:
        return alone

    def held(name: str) -> FamilyCorrelation:
        coefficient = CORRELATIONS[name]

        def value(rows: npt.NDArray[np.bool_]) -> float:
            a, b, c = x[rows], y[rows], z[rows]
            return float(partial(coefficient(a, b), coefficient(a, c), coefficient(b, c)))

        return by_families(value, heads, has_test=independent)

    rho, tau = held("spearman"), held("kendall")
    return alone.model_copy(
        update={"spearman_partial": rho.correlation, "kendall_partial": tau.correlation, "p_partial": rho.p}
    )


def _one(measure: Column, outcome: Column, control: Column | None, axes: Axes) -> Association:
    known = np.isfinite(measure.values) & np.isfinite(outcome.values)
    x, y = measure.values[known], outcome.values[known]
    n = len(x)
    blank = _blank(measure, outcome, known, families=n)
    if blank.sentence:
        return blank
    independent = not (measure.is_shared or outcome.is_shared)
    rows = None
    if independent and FEWEST_FOR_INTERVALS <= n < MANY:
        rows = np.random.default_rng(SEED).integers(0, n, (DRAWS, n))
    plain = {
        name: _interval(
            name,
            correlation(x, y),
            None if rows is None else correlation(x[rows], y[rows]),
            models=n,
            independent=independent,
        )
        for name, correlation in CORRELATIONS.items()
    }
    p = None
    if independent:
        p = _permuted(x, y) if n < MANY else _p_by_t(float(spearman(x, y)), n - 2)
    shared = {"p": p, "granulated": granulated(measure.values, outcome.values, axes)}
    alone = blank.model_copy(update={**plain, **shared})
    own = () if control is None else (measure.name, outcome.name)
    if control is None or control.name in own or not np.isfinite(control.values[known]).all():
        return alone
    z = control.values[known]
    if np.ptp(z) == 0 or n <= FEWEST:
        return alone

    def held(name: str) -> Correlation | None:
        correlation = CORRELATIONS[name]
        drawn = None
        if rows is not None:
            a, b, c = x[rows], y[rows], z[rows]
            drawn = partial(correlation(a, b), correlation(a, c), correlation(b, c))
        value = partial(correlation(x, y), correlation(x, z), correlation(y, z))
        return _interval(name, value, drawn, models=n - 1, independent=independent)

    rho, tau = held("spearman"), held("kendall")
    p_partial = _p_by_t(rho.value, n - 3) if independent and rho is not None else None
    return alone.model_copy(update={"spearman_partial": rho, "kendall_partial": tau, "p_partial": p_partial})


def _interval(name: str, value: Floats, drawn: Floats | None, *, models: int, independent: bool) -> Correlation | None:
    """A coefficient with its 95 % interval; alone where there is none to be had.

    Args:
        drawn: the coefficients of redrawn models, of which the middle is taken; without them, that of
            Fisher's z for many models.
        models: their number, less one for the variable that is controlled for.
    """
    if not np.isfinite(value):
        return None
    centre = float(value)
    alone = Correlation(value=centre)
    # A perfect order stays perfect in every draw.
    if not independent or abs(centre) > 1 - 1e-9:
        return alone
    if drawn is None:
        if models < MANY - 1:
            return alone
        # Bonett & Wright 2000 for Spearman's coefficient, Fieller, Hartley & Pearson 1957 for Kendall's.
        spread = (1 + centre**2 / 2) / (models - 3) if name == "spearman" else 0.437 / (models - 4)
        half = float(stats.norm.ppf(0.975)) * math.sqrt(spread)
        middle = math.atanh(centre)
        return Correlation(value=centre, low=math.tanh(middle - half), high=math.tanh(middle + half))
    known = drawn[np.isfinite(drawn)]
    # Few models repeat themselves too often.
    if len(known) < DRAWS // 2:
        return alone
    low, high = np.quantile(known, [0.025, 0.975])
    return Correlation(value=centre, low=min(float(low), centre), high=max(float(high), centre))


def _p_by_t(rho: float, freedom: int) -> float | None:
    """Two-sided p of a rank correlation from Student's t."""
    if freedom < 1 or not math.isfinite(rho):
        return None
    room = 1 - min(1.0, rho**2)
    if room < 1e-12:
        return 0.0
    return float(2 * stats.t.sf(abs(rho) * math.sqrt(freedom / room), freedom))


def _permuted(x: Floats, y: Floats) -> float:
    """Two-sided p of Spearman's ρ: how often shuffled models agree as much."""
    a, b = ranks(x), ranks(y)
    real = abs(float(pearson(a, b)))
    generator = np.random.default_rng(SEED)
    extreme = drawn = 0
    # A small p needs more permutations than a large one, or no correction would leave anything of it.
    while drawn < PERMUTATIONS or (extreme < ENOUGH_EXTREME and drawn < MOST_PERMUTATIONS):
        shuffled = generator.permuted(np.tile(a, (PERMUTATIONS, 1)), axis=1)
        extreme += int((np.abs(pearson(shuffled, b[None])) >= real - 1e-12).sum())
        drawn += PERMUTATIONS
    return (1 + extreme) / (1 + drawn)


def axes_of(tags: Sequence[Mapping[str, str]]) -> Axes:
    """For every tag, the pairs of models that differ in it and in nothing else."""
    out: Axes = []
    for axis in sorted({name for t in tags for name in t}):
        cells: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for k, t in enumerate(tags):
            if axis in t:
                cells.setdefault(tuple(sorted((n, v) for n, v in t.items() if n != axis)), []).append(k)
        pairs = [
            [(i, j) for i, j in combinations(rows, 2) if tags[i][axis] != tags[j][axis]] for rows in cells.values()
        ]
        out.append([np.array(p, dtype=np.int64).T for p in pairs if p])
    return out


def granulated(x: Floats, y: Floats, axes: Axes) -> float | None:
    """Kendall's τ where only one setting differs, averaged over settings; of pairs that have both numbers.

    Source: Jiang et al. 2020, equation 5.
    """
    means = []
    for cells in axes:
        parts = []
        for i, j in cells:
            alike = np.sign(x[i] - x[j]) * np.sign(y[i] - y[j])
            alike = alike[np.isfinite(alike)]
            if len(alike):
                parts.append(float(alike.mean()))
        if parts:
            means.append(sum(parts) / len(parts))
    return sum(means) / len(means) if means else None


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
