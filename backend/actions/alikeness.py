"""Sentences on who is alike: who stands apart, which different networks are closest, how far copies went."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kinscape.backend.actions.matrices import MatrixArrays
from kinscape.backend.contracts.answers import Sentence
from kinscape.backend.contracts.cards import Card
from kinscape.backend.contracts.words import interval, number
from kinscape.backend.statistics.kinship import families_of
from kinscape.backend.store.tables import CheckpointRow

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# Fewer models have no middle half to stand apart from.
FEWEST = 5
# A model whose median lies so many interquartile ranges beyond the middle half of all medians stands apart.
FAR = 3.0
MOST_NAMED = 3


def sentences(read: MatrixArrays, card: Card, people: Sequence[CheckpointRow]) -> list[Sentence]:
    """What a matrix says of who is alike, each with an interval; nothing where intervals are missing."""
    number_of = {p.id: k for k, p in enumerate(people)}
    if any(i not in number_of for i in read.header.ids):
        return []
    rows = [people[number_of[i]] for i in read.header.ids]
    apart = standing_apart(np.asarray(card.unlikeness(read.values), dtype=np.float64))
    told = [_apart(read, card, apart), _closest(read, card, rows, apart), *_copies(read, card, rows)]
    return [s for s in told if s is not None]


def standing_apart(unlike: Floats) -> Ints:
    """Positions of models whose median distance to the others lies far beyond the others' medians.

    Args:
        unlike: ``(models, models)``, larger is further; NaN where there is none.
    """
    off = unlike.astype(np.float64)
    np.fill_diagonal(off, np.nan)
    whole = np.isfinite(off).any(1)
    if whole.sum() < FEWEST:
        return np.empty(0, dtype=np.int64)
    medians = np.full(len(off), np.nan)
    medians[whole] = np.nanmedian(off[whole], axis=1)
    first, third = np.nanquantile(medians, [0.25, 0.75], method="inverted_cdf")
    limit = third + FAR * (third - first) + 1e-9 * abs(third)
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(medians > limit)


def _named(labels: Sequence[str]) -> str:
    if len(labels) > MOST_NAMED:
        return f"{', '.join(labels[:MOST_NAMED])} and {len(labels) - MOST_NAMED} more"
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"


def _pairs(read: MatrixArrays, rows: Ints, columns: Ints) -> tuple[Ints, Ints]:
    """Places of pairs between two sets of positions that have a number with an interval."""
    i, j = (side.ravel() for side in np.meshgrid(rows, columns, indexing="ij"))
    sound = (i != j) & np.isfinite(read.values[i, j]) & np.isfinite(read.low[i, j])
    return i[sound], j[sound]


def _value(read: MatrixArrays, i: int, j: int) -> str:
    return f"{number(float(read.values[i, j]))} ({interval(float(read.low[i, j]), float(read.high[i, j]))})"


def _one_of(values: Floats, best: int) -> str:
    """The article of the best of some values: *a* where others share it."""
    return "the" if (values == values[best]).sum() == 1 else "a"


def _view(read: MatrixArrays, i: int, j: int) -> dict[str, str | int]:
    header = read.header
    layer = {"layer": header.layer} if header.layer else {}
    return {"tab": "matrix", "measure": header.measure, **layer, "a": header.ids[i], "b": header.ids[j]}


def _apart(read: MatrixArrays, card: Card, apart: Ints) -> Sentence | None:
    rest = np.setdiff1d(np.arange(len(read.values)), apart)
    i, j = _pairs(read, apart, rest)
    if not len(i):
        return None
    values = read.values[i, j]
    best = int(np.argmin(card.unlikeness(values)))
    a, b = int(i[best]), int(j[best])
    labels = read.header.labels
    among = read.values[np.ix_(rest, rest)][np.triu_indices(len(rest), 1)]
    middle = number(float(np.nanmedian(among)))
    verb = "stands" if len(apart) == 1 else "stand"
    return Sentence(
        topic="Apart:",
        text=(
            f"{_named([labels[k] for k in apart])} {verb} apart. Even {_one_of(values, best)} nearest pair across, "
            f"{labels[a]} and {labels[b]}, has {card.title} {_value(read, a, b)}; the others have a median of {middle}."
        ),
        view=_view(read, a, b),
    )


def _closest(read: MatrixArrays, card: Card, rows: Sequence[CheckpointRow], apart: Ints) -> Sentence | None:
    rest = np.setdiff1d(np.arange(len(rows)), apart)
    i, j = _pairs(read, rest, rest)
    family = np.array(families_of(rows))
    different = (i < j) & (family[i] != family[j])
    i, j = i[different], j[different]
    if len(i) < 2:
        return None
    values = read.values[i, j]
    best = int(np.argmin(card.unlikeness(values)))
    a, b = int(i[best]), int(j[best])
    labels = read.header.labels
    return Sentence(
        topic="Alike:",
        text=(
            f"of networks without a common start, ancestor or teacher, {labels[a]} and {labels[b]} are "
            f"{'the' if _one_of(values, best) == 'the' else 'among the'} most alike: "
            f"{card.title} {_value(read, a, b)}, against a median of {number(float(np.median(values)))} over "
            f"{len(values)} pairs."
        ),
        view=_view(read, a, b),
    )


def _copies(read: MatrixArrays, card: Card, rows: Sequence[CheckpointRow]) -> list[Sentence]:
    """How far descendants went from their parents."""
    place = {row.id: k for k, row in enumerate(rows)}
    pairs = [(place[row.parent_id], k) for k, row in enumerate(rows) if row.parent_id in place]
    sound = [(i, j) for i, j in pairs if np.isfinite(read.values[i, j]) and np.isfinite(read.low[i, j])]
    if len(sound) < 2:
        return []
    by_distance = sorted(sound, key=lambda p: float(card.unlikeness(read.values[p])))
    (a, b), (c, d) = by_distance[0], by_distance[-1]
    labels = read.header.labels
    nearest = [labels[j] for i, j in by_distance if read.values[i, j] == read.values[a, b] and i == a]
    return [
        Sentence(
            topic="Descendants:",
            text=(
                f"of {len(sound)}, {_named(nearest)} {'stays' if len(nearest) == 1 else 'stay'} nearest to "
                f"{'its' if len(nearest) == 1 else 'their'} parent {labels[a]}, {_value(read, a, b)}; "
                f"{labels[d]} goes farthest from {labels[c]}, {_value(read, c, d)}."
            ),
            view=_view(read, a, b),
        )
    ]
