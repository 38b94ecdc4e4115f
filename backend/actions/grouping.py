"""Groups: within, between, and whether they differ beyond chance."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import comb
from statistics import fmean, stdev

from sqlalchemy.orm import Session

from backend.actions.reading import Opened, cells_of, find, half_width, open_measure
from backend.contracts.cards import Arity, Direction
from backend.contracts.groups import Band, Contrast, GroupMean, Groups
from backend.contracts.problems import NotFound, Unprocessable
from backend.store import cells
from backend.store import projects as rows
from backend.store.tables import CellRow

DRAWS = 1000
MOST_SPLITS = 5000
FEWEST_SEEDS = 3
Mean = Callable[[Sequence[int], Sequence[int]], float | None]


@dataclass(frozen=True)
class Lineages:
    """The numbers of one measure between lineage roots, by group.

    Attributes:
        members: group -> root -> checkpoints.
        found: cells by pair of checkpoints.
    """

    opened: Opened
    members: dict[str, dict[int, list[int]]]
    found: dict[tuple[int, int], CellRow]

    def roots(self, group: str) -> list[int]:
        """Independent models of a group."""
        return sorted(self.members[group])

    def value(self, a: tuple[str, int], b: tuple[str, int]) -> float | None:
        """Mean over the pairs of two roots' models in their groups; None where no pair has a number."""
        values = [cell.value for cell in self._cells(a, b) if cell.value is not None]
        return fmean(values) if values else None

    def _cells(self, a: tuple[str, int], b: tuple[str, int]) -> list[CellRow]:
        """Cells of two roots' models; a directed measure is taken in both directions."""
        pairs = [(i, j) for i in self.members[a[0]][a[1]] for j in self.members[b[0]][b[1]] if i != j]
        if not self.opened.card.symmetric:
            pairs += [(j, i) for i, j in pairs]
        found = [find(self.found, self.opened, i, j) for i, j in pairs]
        return [cell for cell in found if cell is not None and cell.value is not None]

    def replicates(self, a: str, b: str) -> list[float]:
        """Mean of the leave-one-group-out values over the pairs of two groups' roots."""
        kept = []
        for r in self.roots(a):
            for s in self.roots(b):
                if r != s and (a != b or r < s):
                    columns = [cells.replicates(c) for c in self._cells((a, r), (b, s)) if c.replicates]
                    if columns:
                        kept.append([fmean(column) for column in zip(*columns, strict=False)])
        return [fmean(column) for column in zip(*kept, strict=False)]


def named(group: str) -> str:
    """A group's name as a reader says it."""
    return repr(group) if group else "no group"


def _lineages(session: Session, id: int, measure: str, layer: str | None, other: str | None = None) -> Lineages:
    opened = open_measure(session, id, measure, layer=layer, other=other)
    if opened.card.arity is not Arity.PAIR:
        raise Unprocessable(f"{opened.card.slug} is about single models; groups are compared by measures of pairs.")
    if opened.card.direction is Direction.NEAR_ZERO_IS_ALIKE:
        raise Unprocessable(f"{opened.card.slug} is a signed difference: over both directions of pairs it cancels out.")
    members: dict[str, dict[int, list[int]]] = {}
    for row in rows.checkpoints_by_id(session, opened.ids):
        members.setdefault(row.group_name, {}).setdefault(row.root_id or row.id, []).append(row.id)
    return Lineages(opened, members, cells_of(session, opened))


def groups(session: Session, id: int, measure: str, *, layer: str | None) -> Groups:
    """Means within and between all groups, models of one lineage counted once."""
    lineages = _lineages(session, id, measure, layer)
    names = sorted(lineages.members)
    both = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    return Groups(
        measure=lineages.opened.name, layer=lineages.opened.question.layer_a or None, groups=names,
        means=[_group_mean(lineages, a, b) for a, b in both],
    )  # fmt: skip


def _group_mean(lineages: Lineages, a: str, b: str) -> GroupMean:
    table = _table(lineages, a, b)
    roots_a, roots_b = lineages.roots(a), lineages.roots(b)
    blank = {"a": a, "b": b, "roots_a": len(roots_a), "roots_b": len(roots_b)}

    def mean(left: Sequence[int], right: Sequence[int]) -> float | None:
        values = _values(table, left, right, same=a == b)
        return fmean(values) if values else None

    value = mean(roots_a, roots_b)
    if value is None:
        return GroupMean(**blank, value=None, sentence="No two models of different lineage have this number.")
    low, high = _bootstrap(mean, roots_a, roots_b, same=a == b)
    sampling = lineages.replicates(a, b)
    half = half_width(sampling)
    return GroupMean(
        **blank, value=value, low=low, high=high,
        sampling_low=None if half is None else value - half, sampling_high=None if half is None else value + half,
    )  # fmt: skip


def _table(lineages: Lineages, a: str, b: str) -> dict[tuple[int, int], float]:
    out = {}
    for r in lineages.roots(a):
        for s in lineages.roots(b):
            if r != s and (value := lineages.value((a, r), (b, s))) is not None:
                out[r, s] = value
    return out


def _values(
    table: dict[tuple[int, int], float], left: Sequence[int], right: Sequence[int], *, same: bool
) -> list[float]:
    """Numbers of all pairs of different roots; with repetition where a draw repeats a root."""
    if same:
        pairs = [(left[i], left[j]) for i in range(len(left)) for j in range(i + 1, len(left))]
    else:
        pairs = [(r, s) for r in left for s in right]
    return [table[p] for p in pairs if p in table]


def _bootstrap(
    mean: Mean, left: Sequence[int], right: Sequence[int], *, same: bool
) -> tuple[float | None, float | None]:
    """95 % interval over draws of models, pairs of a model with itself left out."""
    if len(left) < FEWEST_SEEDS or len(right) < FEWEST_SEEDS:
        return None, None
    rng = random.Random(0)  # noqa: S311  (a seeded draw, not a secret)
    drawn = []
    for _ in range(DRAWS):
        first = rng.choices(left, k=len(left))
        value = mean(first, first if same else rng.choices(right, k=len(right)))
        if value is not None:
            drawn.append(value)
    drawn.sort()
    if len(drawn) < DRAWS // 2:
        return None, None
    return drawn[int(0.025 * (len(drawn) - 1))], drawn[int(0.975 * (len(drawn) - 1))]


def contrast(session: Session, id: int, measure: str, *, layer: str | None, a: str, b: str) -> Contrast:
    """Within minus between two groups, with a permutation test over their roots.

    The statistic is the mean over pairs within either group minus the mean over pairs between them;
    splits are counted as extreme in the direction in which groups are more alike within.
    """
    lineages = _lineages(session, id, measure, layer)
    for name in (a, b):
        if name not in lineages.members:
            known = ", ".join(named(g) for g in sorted(lineages.members))
            raise NotFound(f"There is no group {named(name)} in this comparison; it has {known}.")
    if a == b:
        raise Unprocessable("Name two different groups.")
    first, second = lineages.roots(a), lineages.roots(b)
    if set(first) & set(second):
        raise Unprocessable("These groups share lineages (copies of one network), so they cannot be told apart.")
    if len(first) < 2 or len(second) < 2:
        raise Unprocessable("Each group needs at least two models of different lineage.")
    if b < a:
        # Draws and random splits depend on who comes first; the answer should not.
        swapped = contrast(session, id, measure, layer=layer, a=b, b=a)
        return swapped.model_copy(update={"a": a, "b": b, "roots_a": len(first), "roots_b": len(second)})
    owner = dict.fromkeys(first, a) | dict.fromkeys(second, b)
    everyone = first + second
    table: dict[tuple[int, int], float] = {}
    for r in everyone:
        for s in everyone:
            value = None if r == s else lineages.value((owner[r], r), (owner[s], s))
            if value is not None:
                table[r, s] = value

    def statistic(left: Sequence[int], right: Sequence[int]) -> float | None:
        within = _values(table, left, left, same=True) + _values(table, right, right, same=True)
        between = _values(table, left, right, same=False)
        return fmean(within) - fmean(between) if within and between else None

    real = statistic(first, second)
    if real is None:
        raise Unprocessable("Too few of these pairs have a number.")
    sign = 1 if lineages.opened.card.direction in (Direction.HIGHER_IS_ALIKE, Direction.HIGHER_IS_BETTER) else -1
    p, splits, exact = _permuted(statistic, everyone, len(first), sign * real, sign=sign)
    low, high = _bootstrap(statistic, first, second, same=False)
    within = fmean(_values(table, first, first, same=True) + _values(table, second, second, same=True))
    return Contrast(
        a=a, b=b, within=within, between=within - real, difference=real, low=low, high=high, p=p,
        smallest_p=1 / splits, splits=splits, roots_a=len(first), roots_b=len(second),
        method=f"{'all' if exact else 'random'} {splits} splits of {len(everyone)} lineage roots; "
        + ("no interval: a group has too few" if low is None else f"interval: bootstrap of models, {DRAWS} draws"),
    )  # fmt: skip


def _permuted(statistic: Mean, everyone: list[int], size: int, real: float, *, sign: int) -> tuple[float, int, bool]:
    """p, number of splits, and whether these are all there are."""
    mirrored = 2 * size == len(everyone)
    total = comb(len(everyone), size) // (2 if mirrored else 1)
    exact = total <= MOST_SPLITS
    rng = random.Random(0)  # noqa: S311  (a seeded draw, not a secret)
    if exact:
        lefts = [c for c in combinations(everyone, size) if not mirrored or c[0] == everyone[0]]
    else:
        lefts = [tuple(everyone[:size])] + [tuple(rng.sample(everyone, size)) for _ in range(MOST_SPLITS - 1)]
    extreme = 0
    for left in lefts:
        value = statistic(left, [r for r in everyone if r not in left])
        extreme += value is not None and sign * value >= real - 1e-12
    return extreme / len(lefts), len(lefts), exact


def seed_band(
    session: Session, id: int, measure: str, *, layer: str | None, group: str | None, other: str | None = None
) -> Band:
    """What pairs of independent seeds score: pairs of unrelated networks of one group.

    Args:
        group: whose pairs; None for the group with the most roots that are members themselves.
    """
    lineages = _lineages(session, id, measure, layer, other)
    seeds = {name: [r for r in roots if r in roots[r]] for name, roots in lineages.members.items()}
    if group is None:
        group = max(seeds, key=lambda name: (len(seeds[name]), name))
    if group not in seeds:
        known = ", ".join(named(g) for g in sorted(seeds))
        raise NotFound(f"There is no group {named(group)} in this comparison; it has {known}.")
    chosen = seeds[group]
    values = []
    one_way = lineages.opened.card.symmetric and other in (None, layer)
    for i, j in combinations(chosen, 2) if one_way else permutations(chosen, 2):
        cell = find(lineages.found, lineages.opened, i, j)
        if cell is not None and cell.value is not None:
            values.append(cell.value)
    if len(chosen) < FEWEST_SEEDS or len(values) < FEWEST_SEEDS:
        raise Unprocessable(
            f"The band of independent seeds needs three unrelated networks of one group; {named(group)} has "
            f"{len(chosen)}."
        )
    ordered = sorted(values)
    return Band(
        group=group, roots=len(chosen), pairs=len(values), mean=fmean(values), deviation=stdev(values),
        low=ordered[0], high=ordered[-1],
    )  # fmt: skip
