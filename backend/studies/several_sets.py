"""Measures that are read on several probe sets, such as shifted ones: their mean over the sets beside each of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from kinscape.backend.studies.data import PairColumn, SingleColumn, StudyData

Floats = npt.NDArray[np.float64]
# One other set is read as it is.
FEWEST = 2
# What tests of single sets are adjusted among, apart from those that a study rests on.
ON_SINGLE_SETS = "single sets"


class _Column(Protocol):
    @property
    def base(self) -> str: ...

    @property
    def own_set(self) -> str: ...


C = TypeVar("C", bound=_Column)


def with_means(data: StudyData) -> StudyData:
    """The same numbers with, for every measure on two other sets or more, its mean over them.

    Where there is a mean, columns of single sets are details: they are tested in a suite of their own, so that many
    sets do not cost the questions of a study their power.
    """
    singles = _joined(data.singles, _mean_of_singles)
    pairs = _joined(data.pairs, _mean_of_pairs)
    return replace(data, singles=singles, pairs=pairs)


def _joined(columns: Sequence[C], mean_of: Callable[[list[C]], C]) -> list[C]:
    several: dict[str, list[C]] = {}
    for column in columns:
        if column.own_set:
            several.setdefault(column.base, []).append(column)
    many = {base for base, some in several.items() if len(some) >= FEWEST}
    main: list[C] = []
    details: list[C] = []
    for column in columns:
        if column.own_set and column.base in many:
            details.append(replace(column, is_detail=True))  # type: ignore[type-var]
        else:
            main.append(column)
    return [*main, *(mean_of(several[base]) for base in several if base in many), *details]


def _called(some: Sequence[SingleColumn] | Sequence[PairColumn]) -> dict[str, Any]:
    first = some[0]
    own = f" on {first.own_set}"
    return {
        "key": f"{first.base}(mean over {len(some)} sets)",
        "title": f"{first.title.removesuffix(own)}, mean over {len(some)} other sets",
        "own_set": f"mean over {len(some)} sets",
    }


def _mean_of_singles(some: list[SingleColumn]) -> SingleColumn:
    """Means of the checkpoints that have the number on every set."""
    whole = [id for id in some[0].values if all(id in c.values for c in some)]
    return replace(
        some[0],
        **_called(some),
        values={id: float(np.mean([c.values[id] for c in some])) for id in whole},
        replicates=_mean_replicates(some, whole),
        layers={},
    )


def _mean_replicates(some: Sequence[SingleColumn], ids: Iterable[int]) -> Mapping[int, Floats]:
    """Leave-one-group-out means: right where the sets hold the same samples, and where they hold independent ones."""
    found = {}
    for id in ids:
        each = [c.replicates[id] for c in some if id in c.replicates]
        if len(each) == len(some) and len({len(one) for one in each}) == 1:
            found[id] = np.mean(each, axis=0)
    return found


def _mean_of_pairs(some: list[PairColumn]) -> PairColumn:
    def replicates(a: int, b: int) -> Floats:
        each = [c.replicates(a, b) for c in some]
        is_whole = len({len(one) for one in each}) == 1
        mean: Floats = np.mean(each, axis=0) if is_whole else np.empty(0)
        return mean

    return replace(
        some[0],
        **_called(some),
        values=np.mean([c.values for c in some], axis=0),
        replicates=replicates,
        series=lambda _a, _b: {},
    )
