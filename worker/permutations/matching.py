"""The order of one network's units that brings its weights closest to another's."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from kinscape.worker.inputs.functional import copied
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.memo import Memo
from kinscape.worker.permutations.orders import Orders, Place, orders_of, units_at

# Coordinate ascent ends sooner when no unit moves.
MOST_SWEEPS = 50
# As many samples show whether a network in another order computes what it did.
SAMPLES_COMPARED = 64
# Sums in another order differ by rounding; a unit in a wrong place by far more. Shares of the largest output.
ROUNDING = {torch.float64: 1e-8, torch.float32: 1e-3}
ROUNDING_OF_SHORT_TYPES = 3e-2
STATISTICS = ("running_mean", "running_var")


def with_matched_units(start: Subject, end: Subject) -> tuple[Subject, dict[str, float | int | str]]:
    """The second network with its units in the order that brings its weights closest to the first.

    Returns:
        The network and notes about what was permuted.

    Raises:
        Undefined: architectures differ, no units can trade places, or the order would change the function.
    """
    mine, other = ({n: tuple(p.shape) for n, p in s.module.named_parameters()} for s in (start, end))
    if mine != other or str(start.module) != str(end.module):
        raise Undefined("Not comparable: different architectures.")
    orders: Orders = start.once("orders", lambda: orders_of(start.module, start.x))
    if not orders.sizes:
        because = f" What {orders.untold[0]} reads keeps its order." if orders.untold else ""
        raise Undefined(f"No units of this network can trade places.{because}")
    chosen = matched(start.weights, end.weights, orders)
    twin = replace(end, module=permuted(end.module, orders, chosen), memo=Memo())
    _check_same_function(end, twin)
    moved = sum(int((index != torch.arange(len(index))).sum()) for index in chosen.values())
    notes: dict[str, float | int | str] = {"units": sum(orders.sizes.values()), "units_moved": moved}
    return twin, notes


def permuted(module: nn.Module, orders: Orders, chosen: Mapping[int, Tensor]) -> nn.Module:
    """A copy of a network with the units of each order rearranged."""
    twin = copied(module)
    tensors = {**dict(twin.named_parameters()), **dict(twin.named_buffers())}
    with torch.no_grad():
        for name, tensor in reordered(tensors, orders, chosen).items():
            tensors[name].copy_(tensor)
    return twin


def reordered(state: Mapping[str, Tensor], orders: Orders, chosen: Mapping[int, Tensor]) -> dict[str, Tensor]:
    """Parameters and statistics with the units of each order rearranged."""
    out = dict(state)
    for order, index in chosen.items():
        for place in orders.places[order]:
            if place.tensor in out:
                out[place.tensor] = _moved(out[place.tensor], place, index)
    return out


def matched(to: Mapping[str, Tensor], of: Mapping[str, Tensor], orders: Orders) -> dict[int, Tensor]:
    """Orders of the second network's units that bring its weights closest to the first.

    One order at a time is chosen best while the others stay, and taken if the inner product of all weights rises, until
    none changes. Where an order lies on two axes of one tensor, the best is that with the other axis as it was.

    Source: Ainsworth et al. 2023, algorithm 1, in a fixed sequence of layers.
    """
    weights, goal = (
        {n: t.detach().to("cpu", torch.float64) for n, t in s.items() if not n.endswith(STATISTICS)} for s in (of, to)
    )
    chosen = {order: torch.arange(size) for order, size in orders.sizes.items()}
    for _ in range(MOST_SWEEPS):
        still = True
        for order, size in orders.sizes.items():
            places = [p for p in orders.places[order] if p.tensor in goal]
            names = {p.tensor for p in places}
            before = reordered({n: weights[n] for n in names}, orders, _reaching(chosen, names, orders, order))
            gain = torch.zeros(size, size, dtype=torch.float64)
            for place in places:
                now = before[place.tensor]
                for other in places:
                    if other.tensor == place.tensor and other != place:
                        now = _moved(now, other, chosen[order])
                gain += units_at(goal[place.tensor], place, size) @ units_at(now, place, size).T
            best = torch.from_numpy(linear_sum_assignment(gain.numpy(), maximize=True)[1])
            new, old = (
                sum(float((goal[n] * t).sum()) for n, t in reordered(before, orders, {order: index}).items())
                for index in (best, chosen[order])
            )
            if new > old + 1e-12 * abs(old):
                chosen[order], still = best, False
        if still:
            break
    return chosen


def _reaching(chosen: Mapping[int, Tensor], names: set[str], orders: Orders, but: int) -> dict[int, Tensor]:
    """The chosen orders that lie in some tensors, but one."""
    return {o: i for o, i in chosen.items() if o != but and any(p.tensor in names for p in orders.places[o])}


def _check_same_function(subject: Subject, twin: Subject) -> None:
    x = subject.x[: min(SAMPLES_COMPARED, subject.samples_at_once)]
    with torch.no_grad():
        one, two = subject.module(x), twin.module(x)
    allowed = ROUNDING.get(one.dtype, ROUNDING_OF_SHORT_TYPES) * float(one.abs().amax().clamp_min(1e-30))
    if not torch.allclose(one, two, rtol=0, atol=allowed, equal_nan=True):
        raise Undefined(
            "Its units could not be matched: in the order that was found the second network gives other outputs, by up "
            f"to {float((one - two).abs().amax()):.3g}. It reads a weight by another way than as its parameter (.data, "
            "torch.vmap). loss-barrier needs no matching."
        )


def _moved(tensor: Tensor, place: Place, index: Tensor) -> Tensor:
    """A tensor with the units at one place in another order."""
    axis = place.axis
    parts = tensor.unflatten(axis, (-1, len(index), place.inner))
    return parts.index_select(axis + 1, index.to(tensor.device)).flatten(axis, axis + 2)
