"""Numbers and leave-one-group-out numbers of all pairs straight from features, in one pass."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kinscape.worker.evaluation.batch import Batch, PairResults
from kinscape.worker.evaluation.pair_by_pair import PairByPair
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.memo import Memo

if TYPE_CHECKING:
    from kinscape.worker.evaluation.measure import Measure


@dataclass(frozen=True)
class Features:
    """Features of some models, and the pairs of them that are asked for.

    Attributes:
        items: ``(samples, width)`` of each model, or ``(samples, positions, width)``; widths may differ.
        pairs: ``(pairs, 2)`` positions of the items that meet.
        groups: samples to leave out together; empty when no interval is wanted.
        once: a value that several measures of the same items need, by key, made by the first.
    """

    items: list[Tensor]
    pairs: Tensor
    groups: tuple[Tensor, ...]
    once: Callable[[Any, Callable[[], Any]], Any]


@dataclass(frozen=True)
class FromFeatures:
    """A function of ``Features`` that gives values ``(pairs,)`` and replicates ``(groups, pairs)``.

    Attributes:
        check: raises ``Undefined`` for features that have no number with any other.
        positions: the same function where every position of a map counts; else positions are but rows.
    """

    compute: Callable[..., PairResults]
    check: Callable[..., Any]
    positions: Callable[..., PairResults] | None = None

    def evaluate(self, measure: "Measure", batch: Batch, settings: Mapping[str, Any]) -> PairResults:
        """Values of all pairs, and leave-one-group-out values where there are groups."""
        of_positions = any(x.ndim == 3 for x in batch.left.values())
        compute = self.positions if of_positions and self.positions is not None else self.compute
        check = _not_constant_anywhere if of_positions else self.check
        prepared = batch.prepared(check, settings)
        results = PairResults.blank(len(batch.pairs), len(batch.groups))
        results.reasons, results.refused = prepared.reasons(batch.pairs), prepared.refused
        known = prepared.known(batch.pairs)
        if not known:
            return results
        some = batch.of(known)
        try:
            part = compute(_features(some), **settings)
        except Undefined as sentence:
            part = PairResults.blank(len(known), len(batch.groups))
            if of_positions:
                part.reasons = dict.fromkeys(range(len(known)), str(sentence))
            else:
                _one_by_one(measure, some, settings, part)
        results.put(known, part)
        return results


def _features(batch: Batch) -> Features:
    """Every model that is asked for once, in the order in which pairs name them."""
    place: dict[tuple[bool, int], int] = {}
    items: list[Tensor] = []
    index = []
    for pair in batch.pairs:
        for on_right, name in zip((False, not batch.one_side), pair, strict=True):
            if (on_right, name) not in place:
                place[on_right, name] = len(items)
                items.append((batch.second if on_right else batch.left)[name])
            index.append(place[on_right, name])
    once = partial(_once, batch.memo, (tuple(place), len(batch.groups)))
    return Features(items, torch.tensor(index).view(-1, 2), batch.groups, once)


def _once(memo: Memo, models: Any, key: Any, make: Callable[[], Any]) -> Any:
    return memo.once((models, key), make)


def _one_by_one(measure: "Measure", batch: Batch, settings: Mapping[str, Any], results: PairResults) -> None:
    """Pair by pair, where all at once was refused for the sake of one model or one group left out."""
    for k, (a, b) in enumerate(batch.pairs):
        alone = Batch({a: batch.left[a]}, {b: batch.second[b]}, [(a, b)], batch.groups)
        results.put([k], PairByPair().evaluate(measure, alone, settings))


def _not_constant_anywhere(features: Tensor, **_: object) -> None:
    """Refuse features ``(samples, positions, width)`` that are the same everywhere."""
    if bool((features == features[:1, :1]).all()):
        raise Undefined("All features are constant over the probe set, so similarity is 0/0.")


def stacked(values: Sequence[Tensor], replicates: Sequence[Tensor]) -> PairResults:
    """Results from single values, and the ``(groups,)`` replicates of each."""
    return PairResults(torch.stack(list(values)), torch.stack(list(replicates), 1) if replicates else None)
