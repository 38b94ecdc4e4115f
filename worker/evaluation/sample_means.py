"""Means over samples of many pairs, in one pass over pieces of samples that fit the cache."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from backend.contracts.cards import Pace
from worker.evaluation.measure import Measure, Settings
from worker.numerics.progress import steps

Pair = tuple[Hashable, Hashable]
CACHED_BYTES = 4 << 20
CARD_BYTES = 16 << 20  # counts of bytes stay exact in float32
FEWEST_ROWS = 16
EVERYBODY = slice(None)


@dataclass(frozen=True)
class Meeting:
    """Models of both sides that meet, and which of the grid's numbers were asked for."""

    left: slice
    right: slice | Tensor
    pairs: slice | Tensor
    places: slice | Tensor


def sums_over_groups(
    measure: Measure,
    left: Mapping[Hashable, Any],
    right: Mapping[Hashable, Any],
    pairs: list[Pair],
    settings: Settings,
    *,
    groups: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Sums of a measure's terms over each group of samples ``(groups, terms, pairs)``, and the groups' sizes.

    Args:
        left, right: prepared inputs by name, all of one shape; one object where both sides are the same.
        groups: numbers of samples; none for all samples together.
    """
    firsts, seconds = (list(dict.fromkeys(side)) for side in zip(*pairs, strict=True))
    if right is left:
        # Everybody is stacked once, whichever side they stand on.
        firsts = seconds = list(dict.fromkeys([*firsts, *seconds]))
    a = [left[n] for n in firsts]
    b = a if right is left else [right[n] for n in seconds]
    meetings = _meetings(measure, pairs, firsts, seconds, are_the_same=right is left)
    rows = groups or (torch.arange(len(_first(b[0]))),)
    at_once = _rows_at_once(b)
    totals: dict[int, Tensor] = {}
    for g, piece in steps([(g, piece) for g, group in enumerate(rows) for piece in group.split(at_once)]):
        some = _in_turn(piece)
        some_a = _stacked(a, some)
        some_b = some_a if b is a else _stacked(b, some)
        for m in meetings:
            assert measure.means is not None
            found = measure.means(_of(some_a, m.left), _of(some_b, m.right), **settings).to("cpu", torch.float64)
            found = found if found.ndim == 3 else found.unsqueeze(0)
            if g not in totals:
                totals[g] = torch.zeros(len(found), len(pairs), dtype=torch.float64)
            totals[g][:, m.pairs] += found.flatten(1)[:, m.places] * len(piece)
    sums = torch.stack([totals[g] for g in range(len(rows))])
    return sums, torch.tensor([len(g) for g in rows], dtype=torch.float64)[:, None, None]


def _rows_at_once(prepared: Sequence[Any]) -> int:
    one = _first(prepared[0])
    bytes_of_a_row = max(1, one[0].numel() * one.element_size() * len(prepared))
    return max(FEWEST_ROWS, bytes_at_once(one) // bytes_of_a_row)


def bytes_at_once(like: Tensor) -> int:
    """How much to work on at once where a tensor lies."""
    return CACHED_BYTES if like.device.type == "cpu" else CARD_BYTES


def _meetings(
    measure: Measure, pairs: list[Pair], firsts: list[Hashable], seconds: list[Hashable], *, are_the_same: bool
) -> list[Meeting]:
    """Everybody with everybody where this wastes nothing; else one row of the matrix each."""
    i, j = places(pairs, firsts, seconds)
    if measure.card.pace is Pace.PRODUCT or (are_the_same and _are_all(i, j, len(firsts))):
        return [Meeting(EVERYBODY, EVERYBODY, EVERYBODY, i * len(seconds) + j)]
    out = []
    for row in i.unique().tolist():
        mine = (i == row).nonzero().flatten()
        out.append(Meeting(slice(row, row + 1), _in_turn(j[mine]), _in_turn(mine), EVERYBODY))
    return out


def _are_all(i: Tensor, j: Tensor, count: int) -> bool:
    """Whether each of some models meets each other one."""
    apart = i != j
    low, high = torch.minimum(i, j)[apart], torch.maximum(i, j)[apart]
    return len((low * count + high).unique()) == count * (count - 1) // 2


def places(pairs: Sequence[Pair], firsts: list[Hashable], seconds: list[Hashable]) -> tuple[Tensor, Tensor]:
    """Where both sides of each pair stand."""
    rows, columns = ({name: k for k, name in enumerate(side)} for side in (firsts, seconds))
    return torch.tensor([rows[a] for a, _ in pairs]), torch.tensor([columns[b] for _, b in pairs])


def _in_turn(numbers: Tensor) -> slice | Tensor:
    """Numbers that follow one another as a slice, which copies nothing."""
    if bool((numbers.diff() == 1).all()):
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers


def shape_of(prepared: Any) -> torch.Size:
    """Shape of a prepared input, or of its first part."""
    return _first(prepared).shape


def _first(prepared: Any) -> Tensor:
    found: Tensor = prepared[0] if isinstance(prepared, tuple) else prepared
    return found


def _of(stack: Any, which: slice | Tensor) -> Any:
    """Some models of a stack; the stack itself for everybody, so that a side meets itself and not its copy."""
    if isinstance(which, slice) and which == EVERYBODY:
        return stack
    if isinstance(stack, tuple):
        return type(stack)(*[_of(part, which) for part in stack])
    return stack[which.to(stack.device) if isinstance(which, Tensor) else which]


def _stacked(prepared: Sequence[Any], rows: slice | Tensor) -> Any:
    """Some rows of everybody. One stack of all rows would leave the cache before it is read."""
    if isinstance(prepared[0], tuple):
        return type(prepared[0])(*[_stacked(parts, rows) for parts in zip(*prepared, strict=True)])
    if isinstance(rows, Tensor):
        rows = rows.to(prepared[0].device)
    return torch.stack([x[rows] for x in prepared])
