"""Means over samples of many pairs, in one pass over pieces of samples that fit the cache."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Pace
from kinscape.worker.evaluation.batch import Batch, Pair, PairResults, Prepared
from kinscape.worker.evaluation.prepared_matrix import positions
from kinscape.worker.numerics.progress import steps

if TYPE_CHECKING:
    from kinscape.worker.evaluation.measure import Measure

# Half of a core's second-level cache, so that a piece of every model and the results stay in it.
CACHED_BYTES = 4 << 20
GPU_BYTES = 16 << 20  # counts of bytes stay exact in float32
# Fewer rows at once cost more in calls than the cache saves.
FEWEST_ROWS = 16
ALL = slice(None)


@dataclass(frozen=True)
class PairBlock:
    """A rectangle of the matrix, and which of its numbers were asked for.

    Attributes:
        left, right: rows and columns, among the stacked models of either side.
        pairs: positions of the asked pairs.
        cells: the same in the flattened rectangle.
    """

    left: slice | Tensor
    right: slice | Tensor
    pairs: slice | Tensor
    cells: slice | Tensor


@dataclass(frozen=True)
class SampleMeans:
    """A number made of means over samples.

    Attributes:
        terms: those means ``(terms, left, right)`` (or ``(left, right)`` when there is one) of two stacks of prepared
            rows ``(models, rows, ...)``. Preparation treats every sample alone.
        finish: the number from the means ``(..., terms, pairs)``; left out when it is the mean.
    """

    terms: Callable[..., Tensor]
    finish: Callable[..., Tensor] | None = None

    def evaluate(self, measure: "Measure", batch: Batch, settings: Mapping[str, Any]) -> PairResults:
        """Values, and exact leave-one-group-out values from the means of each group."""
        prepared = batch.prepared(measure.prepare, settings)
        results = PairResults.blank(len(batch.pairs), len(batch.groups))
        results.reasons, results.refused = prepared.reasons(batch.pairs), prepared.refused
        by_shape: dict[torch.Size, list[int]] = {}
        for k in prepared.known(batch.pairs):
            by_shape.setdefault(_first(prepared.left[batch.pairs[k][0]]).shape, []).append(k)
        finish = self.finish or _only_term
        for places in by_shape.values():
            some = batch.of(places)
            # Measures that differ in what they make of the same means share the pass over the samples.
            key = (self.terms, measure.prepare, tuple(settings.items()), tuple(some.pairs), len(batch.groups))
            sums, sizes = batch.memo.once(key, partial(self.sums, measure, some, prepared, settings))
            whole, samples = sums.sum(0), sizes.sum()
            results.values[places] = finish(whole / samples, **settings)
            if results.replicates is not None:
                results.replicates[:, places] = finish((whole - sums) / (samples - sizes), **settings)
        return results

    def sums(
        self, measure: "Measure", batch: Batch, prepared: Prepared, settings: Mapping[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Sums of the terms over each group of samples ``(groups, terms, pairs)``, and the groups' sizes.

        All prepared inputs have one shape; without groups all samples are one.
        """
        firsts, seconds = (list(dict.fromkeys(side)) for side in zip(*batch.pairs, strict=True))
        if batch.one_side:
            # Every model is stacked once, whichever side it stands on.
            firsts = seconds = list(dict.fromkeys([*firsts, *seconds]))
        a = [prepared.left[n] for n in firsts]
        b = a if batch.one_side else [prepared.right[n] for n in seconds]
        blocks = _blocks(batch.pairs, firsts, seconds, as_one=measure.card.pace is Pace.PRODUCT, is_one=batch.one_side)
        rows = batch.groups or (torch.arange(len(_first(b[0]))),)
        at_once = _rows_at_once(b)
        totals: dict[int, Tensor] = {}
        for g, piece in steps([(g, piece) for g, group in enumerate(rows) for piece in group.split(at_once)]):
            some = _consecutive(piece)
            some_a = _stacked(a, some)
            some_b = some_a if batch.one_side else _stacked(b, some)
            for block in blocks:
                means = self.terms(_part(some_a, block.left), _part(some_b, block.right), **settings)
                means = means.to("cpu", torch.float64)
                means = means if means.ndim == 3 else means.unsqueeze(0)
                if g not in totals:
                    totals[g] = torch.zeros(len(means), len(batch.pairs), dtype=torch.float64)
                totals[g][:, block.pairs] += means.flatten(1)[:, block.cells] * len(piece)
        sums = torch.stack([totals[g] for g in range(len(rows))])
        return sums, torch.tensor([len(g) for g in rows], dtype=torch.float64)[:, None, None]


def _only_term(means: Tensor, **_: object) -> Tensor:
    return means.squeeze(-2)


def _rows_at_once(prepared: Sequence[Any]) -> int:
    one = _first(prepared[0])
    bytes_of_a_row = max(1, one[0].numel() * one.element_size() * len(prepared))
    return max(FEWEST_ROWS, bytes_at_once(one) // bytes_of_a_row)


def bytes_at_once(like: Tensor) -> int:
    """How much to work on at once where a tensor lies."""
    return CACHED_BYTES if like.device.type == "cpu" else GPU_BYTES


def _blocks(
    pairs: Sequence[Pair], firsts: Sequence[int], seconds: Sequence[int], *, as_one: bool, is_one: bool
) -> list[PairBlock]:
    """The whole matrix where that wastes nothing; else a rectangle, or one row each.

    Args:
        as_one: whether numbers that were not asked for cost next to nothing.
        is_one: whether both sides are the same models.
    """
    i, j = positions(pairs, firsts, seconds)
    rows, row = i.unique(return_inverse=True)
    columns, column = j.unique(return_inverse=True)
    is_small = 2 * len(rows) * len(columns) < len(firsts) * len(seconds)
    if as_one and is_small:
        cells = row * len(columns) + column
        return [PairBlock(_consecutive(rows), _consecutive(columns), ALL, cells)]
    if as_one or (is_one and _are_all(i, j, len(firsts))):
        return [PairBlock(ALL, ALL, ALL, i * len(seconds) + j)]
    out = []
    for number, here in enumerate(rows.tolist()):
        mine = (row == number).nonzero().flatten()
        out.append(PairBlock(slice(here, here + 1), _consecutive(j[mine]), _consecutive(mine), ALL))
    return out


def _are_all(i: Tensor, j: Tensor, count: int) -> bool:
    """Whether each of some models meets each other one."""
    apart = i != j
    low, high = torch.minimum(i, j)[apart], torch.maximum(i, j)[apart]
    return len((low * count + high).unique()) == count * (count - 1) // 2


def _consecutive(numbers: Tensor) -> slice | Tensor:
    """Numbers that follow one another as a slice, which copies nothing."""
    if bool((numbers.diff() == 1).all()):
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers


def _first(prepared: Any) -> Tensor:
    found: Tensor = prepared[0] if isinstance(prepared, tuple) else prepared
    return found


def _part(stack: Any, which: slice | Tensor) -> Any:
    """Some models of a stack; the stack itself for all, so that a side meets itself and not its copy."""
    if isinstance(which, slice) and which == ALL:
        return stack
    if isinstance(stack, tuple):
        return type(stack)(*[_part(part, which) for part in stack])
    return stack[which.to(stack.device) if isinstance(which, Tensor) else which]


def _stacked(prepared: Sequence[Any], rows: slice | Tensor) -> Any:
    """Some rows of every model. One stack of all rows would leave the cache before it is read."""
    if isinstance(prepared[0], tuple):
        return type(prepared[0])(*[_stacked(parts, rows) for parts in zip(*prepared, strict=True)])
    if isinstance(rows, Tensor):
        rows = rows.to(prepared[0].device)
    return torch.stack([x[rows] for x in prepared])
