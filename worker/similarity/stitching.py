"""The first layers of one network, an affine map, and the other layers of another."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from kinscape.worker.inputs.functional import copied
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined

# Of deeper networks so many places are taken, evenly spread.
MOST_PLACES = 8
# Added to the diagonal of second moments, as a share of its mean: maps of collinear units stay finite.
RIDGE = 1e-6


@dataclass(frozen=True)
class Stitched:
    """What a network scores with the first layers of another, at one place.

    Attributes:
        place: name of the layer whose output was mapped.
        right: ``(samples,)``, float64, 1 where the prediction is right; of maps fitted to other samples.
    """

    place: str
    right: Tensor


def stitched(first: Subject, second: Subject) -> list[Stitched]:
    """The second network from the output of one layer on, which is the first network's, mapped affinely.

    Each map is the least-squares one from the first network's activations to the second's, unit by unit the same at all
    positions, fitted to every other sample and used for the rest, and the other way round.

    Raises:
        Undefined: they share no layer that is run once and gives one tensor.
    """
    one, two = (copied(s.module).eval() for s in (first, second))
    places = common_places(one, two, first.x, second.x)
    halves = [torch.arange(start, first.samples, 2, device=first.x.device) for start in (0, 1)]
    right = torch.zeros(len(places), first.samples, dtype=torch.float64)
    for fit, test in (halves, halves[::-1]):
        maps = _fitted_maps((one, two), (first.x, second.x), places, fit.split(first.chunk))
        for rows in test.split(first.chunk):
            given = _activations(one, places, first.x[rows])
            for number, place in enumerate(places):
                mapped = maps[place].of(_as_rows(given[place])).to(given[place].dtype)
                with _replaced(two, place, mapped, len(rows)), torch.no_grad():
                    logits = two(second.x[rows])
                right[number, rows.cpu()] = (logits.argmax(1) == second.y[rows]).double().cpu()
    return [Stitched(place, row) for place, row in zip(places, right, strict=True)]


def common_places(one: nn.Module, two: nn.Module, x: Tensor, other_x: Tensor) -> list[str]:
    """Names of layers that both run once, in their order, with one float tensor of units as output; but the last."""
    shapes = [_outputs(module, samples[:2]) for module, samples in ((one, x), (two, other_x))]
    # Between two layers of the same output nothing is gained; what gives the answer is no place to stitch.
    both = [name for name in shapes[0] if name in shapes[1] and shapes[0][name][1:-1] == shapes[1][name][1:-1]][:-1]
    if not both:
        raise Undefined("The two networks share no inner layer that is run once and gives one tensor.")
    if len(both) <= MOST_PLACES:
        return both
    return [both[round(k)] for k in torch.linspace(0, len(both) - 1, MOST_PLACES).tolist()]


class AffineMap:
    """The least-squares map from activations ``(rows, units)`` to others, from their moments, float64."""

    def __init__(self) -> None:
        self._count = 0
        self._sums: Tensor | float = 0.0
        self._moments: Tensor | float = 0.0

    def see(self, a: Tensor, b: Tensor) -> None:
        """Count rows that belong together."""
        both = torch.cat([a, b], 1)
        self._count += len(both)
        self._sums = self._sums + both.sum(0)
        self._moments = self._moments + a.T @ both

    def of(self, a: Tensor) -> Tensor:
        """Rows as the map gives them."""
        weight, bias = self._solved
        return a @ weight + bias

    @cached_property
    def _solved(self) -> tuple[Tensor, Tensor]:
        assert isinstance(self._sums, Tensor)
        assert isinstance(self._moments, Tensor)
        means, units = self._sums / self._count, self._moments.shape[0]
        centred = self._moments / self._count - means[:units, None] * means[None]
        own = centred[:, :units].clone()
        own.diagonal().add_(RIDGE * own.diagonal().mean().clamp_min(1e-300))
        weight = torch.linalg.solve(own, centred[:, units:])
        return weight, means[units:] - means[:units] @ weight


def _fitted_maps(
    networks: tuple[nn.Module, nn.Module], x: tuple[Tensor, Tensor], places: list[str], parts: Sequence[Tensor]
) -> dict[str, AffineMap]:
    maps = {place: AffineMap() for place in places}
    for rows in parts:
        given, wanted = (_activations(m, places, samples[rows]) for m, samples in zip(networks, x, strict=True))
        for place in places:
            maps[place].see(_as_rows(given[place]), _as_rows(wanted[place]))
    return maps


def _outputs(module: nn.Module, x: Tensor) -> dict[str, tuple[int, ...]]:
    """Shapes of the outputs, units last, of layers that run once and give one float tensor, in the order of the run."""
    seen: dict[str, list[tuple[int, ...]]] = {}
    handles = []
    for name, part in module.named_modules():
        if name:
            handles.append(part.register_forward_hook(lambda _m, _i, out, name=name: _note(seen, name, out)))
    try:
        with torch.no_grad():
            module(x)
    finally:
        for handle in handles:
            handle.remove()
    return {name: found[0] for name, found in seen.items() if len(found) == 1 and found[0] and found[0][0] == len(x)}


def _note(seen: dict[str, list[tuple[int, ...]]], name: str, out: object) -> None:
    is_layer = isinstance(out, Tensor) and out.is_floating_point() and out.ndim >= 2
    seen.setdefault(name, []).append(tuple(_units_last(out).shape) if is_layer else ())  # type: ignore[arg-type]


def _units_last(out: Tensor) -> Tensor:
    """Feature maps ``(samples, units, height, width)`` with their units last; tokens and vectors have them there."""
    return out.movedim(1, -1) if out.ndim >= 4 else out


def _as_rows(out: Tensor) -> Tensor:
    return _units_last(out).flatten(0, -2).double()


def _activations(module: nn.Module, places: list[str], x: Tensor) -> dict[str, Tensor]:
    kept: dict[str, Tensor] = {}

    def keep(place: str) -> Callable[..., None]:
        # A copy: the next layer may work in place.
        return lambda _m, _i, out: kept.update({place: out.clone()})

    handles = [module.get_submodule(place).register_forward_hook(keep(place)) for place in places]
    try:
        with torch.no_grad():
            module(x)
    finally:
        for handle in handles:
            handle.remove()
    return kept


@contextmanager
def _replaced(module: nn.Module, place: str, rows: Tensor, samples: int) -> Iterator[None]:
    """Let a layer answer with other activations, given as rows with their units last."""

    def other(_module: nn.Module, _given: object, out: Tensor) -> Tensor:
        shaped = rows.unflatten(0, (samples, *_units_last(out).shape[1:-1]))
        return (shaped.movedim(-1, 1) if out.ndim >= 4 else shaped).to(out.dtype)

    handle = module.get_submodule(place).register_forward_hook(other)
    try:
        yield
    finally:
        handle.remove()
