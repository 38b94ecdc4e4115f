"""Layers whose output can be taken out of a network and put back."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Modules that say which axis of their output holds units; what follows them keeps it.
UNITS_SECOND = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
)
UNITS_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.MultiheadAttention, nn.RNNBase)


@dataclass(frozen=True)
class Place:
    """The output of a layer.

    Attributes:
        axis: that holds its units.
        positions: sizes of the axes beside samples and units.
    """

    name: str
    axis: int
    positions: tuple[int, ...]

    def rows(self, out: Tensor) -> Tensor:
        """Its output as ``(samples · positions, units)``, float64."""
        return out.movedim(self.axis, -1).flatten(0, -2).double()

    def from_rows(self, rows: Tensor, samples: int, like: Tensor) -> Tensor:
        """Rows in the shape and type of its output; the number of units may be another."""
        shaped = rows.unflatten(0, (samples, *like.movedim(self.axis, -1).shape[1:-1]))
        return shaped.movedim(-1, self.axis).to(like.dtype)


class _Watch:
    """Notes what layers give, in the order in which they end."""

    def __init__(self) -> None:
        self.seen: dict[str, list[tuple[int, Tensor] | None]] = {}
        self._axis: dict[int, int] = {}

    def note(self, name: str, part: nn.Module, out: object) -> None:
        """One layer has run."""
        if not isinstance(out, Tensor) or not out.is_floating_point() or out.ndim < 2:
            self.seen.setdefault(name, []).append(None)
            return
        if isinstance(part, UNITS_SECOND):
            self._axis[out.ndim] = 1
        elif isinstance(part, UNITS_LAST):
            self._axis[out.ndim] = out.ndim - 1
        axis = 1 if out.ndim == 2 else self._axis.get(out.ndim)
        self.seen.setdefault(name, []).append(None if axis is None else (axis, out.clone()))


def places_of(module: nn.Module, x: Tensor) -> list[Place]:
    """Layers that run once and give one float tensor of units, in their order.

    Of those that give the same, such as a container and its last layer, the first stands for all; what gives the
    network's own answer is none.
    """
    watch = _Watch()

    def hook(name: str, part: nn.Module) -> None:
        handles.append(part.register_forward_hook(lambda _m, _i, out: watch.note(name, part, out)))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    for name, part in module.named_modules():
        if name:
            hook(name, part)
    try:
        with torch.no_grad():
            answer = module(x)
    finally:
        for handle in handles:
            handle.remove()
    earlier: list[Tensor] = [answer]
    found = []
    for name, outs in watch.seen.items():
        once = outs[0] if len(outs) == 1 else None
        if once is None or len(once[1]) != len(x) or any(_same(once[1], other) for other in earlier):
            continue
        axis, out = once
        earlier.append(out)
        found.append(Place(name, axis, tuple(out.movedim(axis, -1).shape[1:-1])))
    return found


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(torch.equal(a, b))
