"""Groups of checkpoints: within, between, and whether they differ beyond chance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from kinscape.backend.actions import measures
from kinscape.backend.actions.measures import AskedQuestion
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.cell_arrays import Ints
from kinscape.backend.contracts.groups import Band, Contrast, GroupMean, Groups
from kinscape.backend.contracts.problems import NotFound, Unprocessable
from kinscape.backend.statistics import groups as statistics
from kinscape.backend.statistics.jackknife import FEWEST_GROUPS, half_width
from kinscape.backend.statistics.kinship import families_of
from kinscape.backend.store import checkpoints
from kinscape.backend.store.tables import CheckpointRow

Floats = npt.NDArray[np.float64]
# Two seeds have one pair, and one pair has no standard deviation.
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Lineages:
    """The numbers of one measure between families: all related models of one group are one unit.

    Attributes:
        units: (group, family) of each unit, sorted.
        a, b: ``(pairs,)`` units of different families that have a number between them; a < b.
        values: ``(pairs,)`` mean over the pairs of their models, in both directions of a directed measure.
        replicates: ``(pairs, groups)`` the same with one group of samples left out; NaN where there is none.
    """

    asked: AskedQuestion
    units: list[tuple[str, int]]
    a: Ints
    b: Ints
    values: Floats
    replicates: Floats

    @property
    def groups(self) -> list[str]:
        """Names of the groups, sorted."""
        return sorted({group for group, _ in self.units})

    def of_group(self, group: str) -> Ints:
        """Units of a group: its independent models."""
        return np.array([k for k, (name, _) in enumerate(self.units) if name == group], dtype=np.int64)

    def families(self, group: str) -> set[int]:
        """Families with a model in a group."""
        return {family for name, family in self.units if name == group}

    def table(self, rows: Ints, columns: Ints) -> Floats:
        """``(rows, columns)`` numbers between units; NaN where there is none."""
        whole = np.full((len(self.units), len(self.units)), np.nan)
        whole[self.a, self.b] = whole[self.b, self.a] = self.values
        return whole[np.ix_(rows, columns)]

    def mean_replicates(self, rows: Ints, columns: Ints) -> Floats:
        """``(groups,)`` mean over pairs of units of their leave-one-group-out values; empty where there are none."""
        is_row, is_column = (np.isin(np.arange(len(self.units)), units) for units in (rows, columns))
        chosen = (is_row[self.a] & is_column[self.b]) | (is_row[self.b] & is_column[self.a])
        some = self.replicates[chosen]
        some = some[np.isfinite(some).all(1)]
        return some.mean(0) if len(some) else np.empty(0)


def named(group: str) -> str:
    """A group's name as a reader says it."""
    return repr(group) if group else "no group"


def _check_pairwise(asked: AskedQuestion) -> None:
    if asked.card.arity is not Arity.PAIR:
        raise Unprocessable(f"{asked.card.slug} is about single models; groups are compared by measures of pairs.")
    if asked.card.is_signed:
        raise Unprocessable(f"{asked.card.slug} is a signed difference: over both directions of pairs it cancels out.")


def lineages_of(
    session: Session,
    id: int,
    measure: str,
    layer: str | None,
    *,
    label: Callable[[CheckpointRow], str] = lambda row: row.group_name,
) -> Lineages:
    """The numbers of one measure between families.

    Args:
        label: the group of a checkpoint.
    """
    asked = measures.find(session, id, measure, layer=layer)
    _check_pairwise(asked)
    rows = checkpoints.by_ids(session, asked.ids)
    places = [(label(row), family) for row, family in zip(rows, families_of(rows), strict=True)]
    units = sorted(set(places))
    number = {unit: k for k, unit in enumerate(units)}
    unit_of = {row.id: number[place] for row, place in zip(rows, places, strict=True)}
    cells = measures.cells_of(session, asked, with_replicates=True)
    cells = cells.take(cells.has_number)
    a, b = (np.array([unit_of[i] for i in side.tolist()], dtype=np.int64) for side in (cells.a, cells.b))
    families = np.array([family for _, family in units], dtype=np.int64)
    apart = np.flatnonzero(families[a] != families[b]) if len(a) else a
    a, b = np.minimum(a, b)[apart], np.maximum(a, b)[apart]
    pairs, which = np.unique(a * len(units) + b, return_inverse=True)
    values = _means(cells.values[apart][:, None], which, len(pairs))[:, 0]
    replicates = _means(cells.replicates[apart], which, len(pairs))
    return Lineages(asked, units, *np.divmod(pairs, max(1, len(units))), values, replicates)


def _means(values: Floats, which: Ints, count: int) -> Floats:
    """Means ``(count, columns)`` of the rows that belong to each pair; NaN rows do not count."""
    known = np.isfinite(values).all(1)
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, which[known], values[known])
    size = np.bincount(which[known], minlength=count)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = np.where(size > 0, sums / size, np.nan)
    return means


def groups(session: Session, id: int, measure: str, *, layer: str | None) -> Groups:
    """Means within and between all groups, related models counted once."""
    lineages = lineages_of(session, id, measure, layer)
    names = lineages.groups
    return Groups(
        measure=lineages.asked.name,
        layer=lineages.asked.question.layer_a or None,
        groups=names,
        means=[group_mean(lineages, a, b) for i, a in enumerate(names) for b in names[i:]],
    )


def group_mean(lineages: Lineages, a: str, b: str) -> GroupMean:
    """Mean within one group, or between two, with its intervals."""
    rows, columns = lineages.of_group(a), lineages.of_group(b)
    table = lineages.table(rows, columns)
    value = statistics.mean_within(table) if a == b else statistics.mean_between(table)
    counts = {"a": a, "b": b, "roots_a": len(rows), "roots_b": len(columns)}
    if not np.isfinite(value):
        return GroupMean(**counts, value=None, sentence="No two models of different families have this number.")
    seeds = statistics.bootstrap_within(table) if a == b else statistics.bootstrap_between(table)
    low, high = seeds or (None, None)
    replicates = lineages.mean_replicates(rows, columns)
    half = float(half_width(replicates)) if len(replicates) >= FEWEST_GROUPS else None
    return GroupMean(
        **counts,
        value=value,
        low=low,
        high=high,
        sampling_low=None if half is None else value - half,
        sampling_high=None if half is None else value + half,
    )


def contrast(session: Session, id: int, measure: str, *, layer: str | None, a: str, b: str) -> Contrast:
    """Within minus between two groups, with a permutation test over their families.

    The statistic is the mean over pairs within either group minus the mean over pairs between them;
    splits are counted as extreme in the direction in which groups are more alike within.
    """
    lineages = lineages_of(session, id, measure, layer)
    for name in (a, b):
        _check_group(name, lineages.groups)
    return contrast_of(lineages, a, b)


def contrast_of(lineages: Lineages, a: str, b: str, *, of_first: bool = False) -> Contrast:
    """Within minus between two groups of families.

    Args:
        of_first: whether only the pairs within the first group count as within.

    Raises:
        Unprocessable: they cannot be told apart; the sentence says why.
    """
    _check_apart(lineages, a, b)
    # Draws and random splits depend on who comes first; the answer should not.
    names = (a, b) if of_first else sorted((a, b))
    first, second = (lineages.of_group(name) for name in names)
    both = np.concatenate([first, second])
    table = lineages.table(both, both)
    difference = statistics.excess(table, len(first)) if of_first else float(statistics.contrast(table, len(first)))
    if not np.isfinite(difference):
        raise Unprocessable("Too few of these pairs have a number.")
    between = statistics.mean_between(table[: len(first), len(first) :])
    sign = 1 if lineages.asked.card.higher_is_alike else -1
    test = statistics.permutation_test(table, len(first), sign=sign, of_first=of_first)
    bootstrap = statistics.bootstrap_excess if of_first else statistics.bootstrap_contrast
    interval = bootstrap(table, len(first))
    low, high = interval or (None, None)
    how = f"interval: bootstrap of models, {statistics.DRAWS} draws" if interval else "no interval: a group has too few"
    return Contrast(
        a=a,
        b=b,
        within=between + difference,
        between=between,
        difference=difference,
        low=low,
        high=high,
        p=test.p,
        smallest_p=1 / test.splits,
        splits=test.splits,
        roots_a=len(lineages.of_group(a)),
        roots_b=len(lineages.of_group(b)),
        method=f"{'all' if test.are_all else 'random'} {test.splits} splits of {len(both)} families; {how}",
    )


def _check_apart(lineages: Lineages, a: str, b: str) -> None:
    """Refuse two groups that cannot be told apart."""
    if a == b:
        raise Unprocessable("Name two different groups.")
    if lineages.families(a) & lineages.families(b):
        raise Unprocessable(
            "The two share families: networks of both have one start, ancestor, teacher or run, so they are not "
            "two independent samples. Compare them in pairs, by a study."
        )
    if min(len(lineages.families(name)) for name in (a, b)) < 2:
        raise Unprocessable("Each of the two needs at least two models of different families.")


def _check_group(name: str, known: list[str]) -> None:
    if name not in known:
        has = ", ".join(map(named, known))
        raise NotFound(f"There is no group {named(name)} in this comparison; it has {has}.")


def seed_band(session: Session, asked: AskedQuestion, values: Floats, *, group: str | None) -> Band:
    """What pairs of independent seeds score: pairs of unrelated networks of one group.

    Args:
        values: ``(models, models)`` of the measure, in the order of the comparison.
        group: whose pairs; None for the group with the most families of which the network itself is there.
    """
    _check_pairwise(asked)
    rows = checkpoints.by_ids(session, asked.ids)
    seeds: dict[str, list[int]] = {row.group_name: [] for row in rows}
    known: set[tuple[str, int]] = set()
    for k, (row, family) in enumerate(zip(rows, families_of(rows), strict=True)):
        if row.root_id in (None, row.id) and (row.group_name, family) not in known:
            known.add((row.group_name, family))
            seeds[row.group_name].append(k)
    if group is None:
        group = max(seeds, key=lambda name: (len(seeds[name]), name))
    _check_group(group, sorted(seeds))
    chosen = np.array(seeds[group], dtype=np.int64)
    among = values[np.ix_(chosen, chosen)]
    one_way = asked.card.symmetric and asked.has_one_layer
    where = np.triu_indices(len(chosen), 1) if one_way else np.nonzero(~np.eye(len(chosen), dtype=bool))
    scores = among[where]
    scores = scores[np.isfinite(scores)]
    if len(chosen) < FEWEST_SEEDS or len(scores) < FEWEST_SEEDS:
        raise Unprocessable(
            f"The band of independent seeds needs three unrelated networks of one group; {named(group)} has "
            f"{len(chosen)}."
        )
    return Band(
        group=group,
        roots=len(chosen),
        pairs=len(scores),
        mean=float(scores.mean()),
        deviation=float(scores.std(ddof=1)),
        low=float(scores.min()),
        high=float(scores.max()),
    )
