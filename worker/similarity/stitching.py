"""The first layers of one network, an affine map, and the other layers of another."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from kinscape.worker.inputs.functional import copied
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.together import alike
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.similarity.places import Place, places_of

# Of deeper networks so many places are taken, evenly spread.
MOST_PLACES = 8
# Added to the diagonal of second moments, as a share of its mean: maps of collinear units stay finite.
RIDGE = 1e-6
# On as many samples it is tried whether a place is the only way to the output.
TRIED = 4


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
        Undefined: they share no layer through which everything goes.
    """
    one, two = (copied(s.module).eval() for s in (first, second))
    places = common_places(one, two, first.x, second.x)
    halves = [torch.arange(start, first.samples, 2, device=first.x.device) for start in (0, 1)]
    right = torch.zeros(len(places), first.samples, dtype=torch.float64)
    for fit, test in (halves, halves[::-1]):
        maps = _fitted_maps((one, two), (first.x, second.x), places, fit.split(first.chunk))
        for rows in test.split(first.chunk):
            given = _activations(one, [p for p, _ in places], first.x[rows])
            for number, (mine, other) in enumerate(places):
                out = given[mine.name]
                mapped = maps[number].of(mine.rows(out)).to(out.dtype)
                with _replaced(two, other, mapped, len(rows)), torch.no_grad():
                    logits = two(second.x[rows])
                right[number, rows.cpu()] = (logits.argmax(1) == second.y[rows]).double().cpu()
    return [Stitched(other.name, row) for (_, other), row in zip(places, right, strict=True)]


def common_places(one: nn.Module, two: nn.Module, x: Tensor, other_x: Tensor) -> list[tuple[Place, Place]]:
    """Inner layers of both, with the same positions, through which everything goes that either computes.

    Raises:
        Undefined: there are none.
    """
    some = [t[torch.linspace(0, len(t) - 1, min(TRIED, len(t))).long().to(t.device)] for t in (x, other_x)]
    found = [{p.name: p for p in places_of(m, s)} for m, s in zip((one, two), some, strict=True)]
    both = [(p, found[1][name]) for name, p in found[0].items() if name in found[1]]
    both = [(p, q) for p, q in both if p.positions == q.positions]
    both = [(p, q) for p, q in both if _is_only_way(one, p, some[0]) and _is_only_way(two, q, some[1])]
    if not both:
        raise Undefined(
            "The two networks share no inner layer that is run once, gives one tensor, and through which everything "
            "goes."
        )
    if len(both) <= MOST_PLACES:
        return both
    return [both[round(k)] for k in torch.linspace(0, len(both) - 1, MOST_PLACES).tolist()]


def _is_only_way(module: nn.Module, place: Place, x: Tensor) -> bool:
    """Whether nothing goes past this layer: with its output held, other samples change nothing."""
    if len(x) < 2:
        return False
    held = place.rows(_activations(module, [place], x)[place.name])
    with torch.no_grad(), _replaced(module, place, held, len(x)):
        return alike(module(x.roll(1, 0)), module(x))


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
    networks: tuple[nn.Module, nn.Module],
    x: tuple[Tensor, Tensor],
    places: list[tuple[Place, Place]],
    parts: Sequence[Tensor],
) -> list[AffineMap]:
    maps = [AffineMap() for _ in places]
    for rows in parts:
        given, wanted = (
            _activations(networks[side], [pair[side] for pair in places], x[side][rows]) for side in (0, 1)
        )
        for fitted, (mine, other) in zip(maps, places, strict=True):
            fitted.see(mine.rows(given[mine.name]), other.rows(wanted[other.name]))
    return maps


def _activations(module: nn.Module, places: Sequence[Place], x: Tensor) -> dict[str, Tensor]:
    recorded: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        # A copy: the next layer may work in place.
        return lambda _m, _i, out: recorded.update({name: out.clone()})

    handles = [module.get_submodule(p.name).register_forward_hook(keep(p.name)) for p in places]
    try:
        with torch.no_grad():
            module(x)
    finally:
        for handle in handles:
            handle.remove()
    return recorded


@contextmanager
def _replaced(module: nn.Module, place: Place, rows: Tensor, samples: int) -> Iterator[None]:
    """Let a layer answer with other activations, given as rows with their units last."""

    def other(_module: nn.Module, _given: object, out: Tensor) -> Tensor:
        return place.from_rows(rows, samples, out)

    handle = module.get_submodule(place.name).register_forward_hook(other)
    try:
        yield
    finally:
        handle.remove()
