"""Pairs of models that are asked for at once, and what comes out for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from kinscape.worker.evaluation.intervals import FEWEST_GROUPS, NAN, take_rows
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.memo import Memo

Pair = tuple[int, int]
Data = Any
Notes = dict[str, float | int | str]
Series = Mapping[str, Sequence[float | str | None]]


@dataclass
class PairResults:
    """Numbers of pairs in the order in which they were asked.

    Attributes:
        values: ``(pairs,)``, float64 on the CPU; NaN where there is a reason instead.
        replicates: ``(groups, pairs)`` with one group of samples left out, where it was asked for.
        reasons: sentences by position.
        notes, series, warnings: what belongs to single numbers, by position.
        refused: sentences for single inputs that have no number with any other, by name.
    """

    values: Tensor
    replicates: Tensor | None = None
    reasons: dict[int, str] = field(default_factory=dict)
    notes: dict[int, Notes] = field(default_factory=dict)
    series: dict[int, Series] = field(default_factory=dict)
    warnings: dict[int, str] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)

    @classmethod
    def blank(cls, pairs: int, groups: int) -> "PairResults":
        """Places for so many numbers, none of them known."""
        replicates = torch.full((groups, pairs), NAN, dtype=torch.float64) if groups else None
        return cls(torch.full((pairs,), NAN, dtype=torch.float64), replicates)

    def put(self, places: Sequence[int], part: "PairResults") -> None:
        """Results of some of the pairs at their places."""
        where = list(places)
        self.values[where] = part.values.to("cpu", torch.float64)
        if self.replicates is not None and part.replicates is not None:
            self.replicates[:, where] = part.replicates.to("cpu", torch.float64)
        self.reasons |= {where[k]: sentence for k, sentence in part.reasons.items()}
        self.notes |= {where[k]: notes for k, notes in part.notes.items()}
        self.series |= {where[k]: series for k, series in part.series.items()}
        self.warnings |= {where[k]: warning for k, warning in part.warnings.items()}
        self.refused |= part.refused


@dataclass(frozen=True)
class Batch:
    """Pairs of models, and what each side shows.

    Attributes:
        left: outputs, features or weights by number of the model.
        right: the same of the second side; None where both sides are the same models read the same way.
        pairs: numbers on the left and on the right.
        groups: samples to leave out together for the intervals; none for values alone.
        memo: shared by measures of the same inputs.
    """

    left: Mapping[int, Data]
    right: Mapping[int, Data] | None
    pairs: Sequence[Pair]
    groups: tuple[Tensor, ...] = ()
    memo: Memo = field(default_factory=Memo)

    @property
    def second(self) -> Mapping[int, Data]:
        """What the second side shows."""
        return self.left if self.right is None else self.right

    @property
    def one_side(self) -> bool:
        """Whether a model meets itself where its number stands on both sides."""
        return self.right is None

    def without_intervals(self) -> "Batch":
        """The same for values alone."""
        return replace(self, groups=())

    def of(self, places: Sequence[int]) -> "Batch":
        """Some of the pairs, with the same inputs and memo."""
        return replace(self, pairs=[self.pairs[k] for k in places])

    def changed(self, change: Callable[[Data], Data], *, groups: tuple[Tensor, ...]) -> "Batch":
        """The same pairs of other inputs, made from these on the left first; with a memo of their own."""
        left = {name: change(data) for name, data in self.left.items()}
        right = None if self.right is None else {name: change(data) for name, data in self.right.items()}
        return Batch(left, right, self.pairs, groups)

    def rows(self, index: Tensor) -> "Batch":
        """The same pairs on some of the samples."""
        return self.changed(lambda data: take_rows(data, index), groups=())

    def prepared(self, prepare: Callable[..., Any], settings: Mapping[str, Any]) -> "Prepared":
        """Every input prepared once, or the sentence why it cannot be."""
        left, refused = _prepared(self.left, prepare, settings)
        if self.right is None:
            return Prepared(left, left, refused, refused)
        right, refused_too = _prepared(self.right, prepare, settings)
        return Prepared(left, right, refused, refused_too)


@dataclass(frozen=True)
class Prepared:
    """Prepared inputs of both sides, and sentences for those that a measure is not defined for."""

    left: dict[int, Any]
    right: dict[int, Any]
    left_refused: dict[int, str]
    right_refused: dict[int, str]

    @property
    def refused(self) -> dict[int, str]:
        """Sentences of either side."""
        return {**self.right_refused, **self.left_refused}

    def known(self, pairs: Sequence[Pair]) -> list[int]:
        """Positions of the pairs of which both sides are there."""
        if not self.left_refused and not self.right_refused:
            return list(range(len(pairs)))
        return [k for k, (a, b) in enumerate(pairs) if a in self.left and b in self.right]

    def reasons(self, pairs: Sequence[Pair]) -> dict[int, str]:
        """Sentences of the pairs of which a side is refused."""
        if not self.left_refused and not self.right_refused:
            return {}
        told = {k: self.left_refused.get(a) or self.right_refused.get(b) for k, (a, b) in enumerate(pairs)}
        return {k: sentence for k, sentence in told.items() if sentence}


def _prepared(
    data: Mapping[int, Data], prepare: Callable[..., Any], settings: Mapping[str, Any]
) -> tuple[dict[int, Any], dict[int, str]]:
    prepared, refused = {}, {}
    for name, value in data.items():
        try:
            prepared[name] = prepare(value, **settings)
        except Undefined as sentence:
            refused[name] = str(sentence)
    return prepared, refused


def groups_for(groups: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Groups of samples, or none where there are too few for an interval."""
    return tuple(groups) if len(groups) >= FEWEST_GROUPS else ()


def not_comparable(a: Data, b: Data) -> str:
    """Why two inputs cannot be compared, whatever the measure; empty where they can."""
    if isinstance(a, Outputs) and a.logits.shape[1] != b.logits.shape[1]:
        return f"Not comparable: one predicts {a.logits.shape[1]} classes, the other {b.logits.shape[1]}."
    if isinstance(a, Outputs) and a.samples != b.samples:
        return f"Not comparable: one answers {a.samples} times, the other {b.samples} times."
    if isinstance(a, Tensor) and len(a) != len(b):
        return f"Not comparable: one was seen on {len(a)} samples, the other on {len(b)}."
    return ""
