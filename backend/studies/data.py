"""The numbers of a study's comparison, as its analyses read them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kinscape.backend.contracts.cards import Card
from kinscape.backend.studies.cast import Cast

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PairColumn:
    """One measure of pairs.

    Attributes:
        values: ``(checkpoints, checkpoints)``; NaN where there is no number.
        replicates: leave-one-group-out values ``(groups,)`` of a pair of numbers of checkpoints; empty where none.
        series: curves of a pair's cell by name, such as layers and values.
        base: the same measure on the study's own probe set; equal on all sets.
        own_set: another probe set that it is of, by name; empty for the study's own.
        is_detail: whether a mean over several sets stands for it in the questions of the study.
    """

    key: str
    title: str
    card: Card
    ids: Sequence[int]
    values: Floats
    replicates: Callable[[int, int], Floats]
    series: Callable[[int, int], Mapping[str, Sequence[object]]]
    base: str = ""
    own_set: str = ""
    is_detail: bool = False

    def value(self, a: int, b: int) -> float:
        """The number of a pair; NaN where there is none."""
        return float(self.values[self.ids.index(a), self.ids.index(b)])


@dataclass(frozen=True)
class SingleColumn:
    """One measure of single models.

    Attributes:
        values: by number of the checkpoint; who has none is left out.
        replicates: leave-one-group-out values ``(groups,)`` by number of the checkpoint, of those that have them.
        layers: numbers by layer, by number of the checkpoint; empty for measures without a table of layers.
        base, own_set, is_detail: as of pairs.
    """

    key: str
    title: str
    card: Card
    values: Mapping[int, float]
    layers: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    replicates: Mapping[int, Floats] = field(default_factory=dict)
    base: str = ""
    own_set: str = ""
    is_detail: bool = False


@dataclass(frozen=True)
class StudyData:
    """Everything that the analyses of a study read.

    Attributes:
        samples: of the study's probe set; 0 where that is not known.
    """

    cast: Cast
    pairs: Sequence[PairColumn]
    singles: Sequence[SingleColumn]
    samples: int = 0

    def single(self, slug: str) -> SingleColumn | None:
        """The first column of a measure of single models."""
        return next((c for c in self.singles if c.card.slug == slug), None)
