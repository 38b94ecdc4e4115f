"""The Hessian of a network whose first layer is linear, as its samples see it.

Such a layer enters the loss through ``z = x Wᵀ + b`` alone. With J the map from weights to (z, other weights),
which is linear, the Hessian is ``Jᵀ A J`` where A belongs to (z, other weights). Every vector of a Krylov run
from s is ``c s + Jᵀ u``, so it can be kept as (c, u): products and inner products then need ``J Jᵀ``, which is the
Gram matrix of the samples, and neither the samples nor weights of the first layer again. For fewer samples than
inputs that is a fraction of the work, and the run is the same. Where u grows long (first-layer weights that hardly
matter, samples far from 0) c s and Jᵀ u nearly cancel, and the run begins again with coordinates in float64.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from kinscape.worker.curvature.batchnorm_folding import is_folded
from kinscape.worker.curvature.broken import BROKEN
from kinscape.worker.curvature.hessian_products import Graph, product_with, summed_gradient
from kinscape.worker.curvature.lanczos import PrecisionLost
from kinscape.worker.curvature.layer_calls import first_layer
from kinscape.worker.curvature.vectors import flat, unflat
from kinscape.worker.inputs.functional import call_with
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.numerics.draws import generator_of
from kinscape.worker.numerics.gram_product import products_of_rows

AFTER_FIRST_LAYER = "after the first layer"
# Products of a usual run.
USUAL_STEPS = 20
# Smaller products are less efficient: the dual form must save two fifths of the multiplications.
WORTH = 0.6
# Two samples show whether the rest of the network was rebuilt as it is.
TRIED_SAMPLES = 2
# Rounding of float64 through some dozens of layers.
TOLERANCE = 1e-9
MOST_STRETCH = 30.0  # times the rounding of float32 stays below 1e-5


@dataclass(frozen=True)
class AfterFirstLayer:
    """What lies behind the first layer of a network; the same for runs from all starts.

    Attributes:
        layer: name of the first layer.
        x: ``(samples, inputs)`` what it reads, with a column of ones for its bias.
        graph: the gradient of the summed loss in z and in all other weights, with its graph.
    """

    layer: str
    x: Tensor
    graph: Graph
    kept: dict[torch.dtype, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def of(self, kind: torch.dtype) -> tuple[Tensor, Tensor]:
        """What the layer reads, and the inner products ``(samples, samples)`` of its rows, with some digits."""
        if kind not in self.kept:
            x = self.x.to(kind)
            self.kept[kind] = x, products_of_rows(x)
        return self.kept[kind]


class DualHessian:
    """Coordinates (c, u) of the vectors ``c s + Jᵀ u``, and the Hessian of the mean loss in them.

    Attributes:
        start: coordinates of s.
    """

    def __init__(self, subject: Subject, behind: AfterFirstLayer, start: Tensor, *, kind: torch.dtype) -> None:
        self._subject, self._behind, self._start = subject, behind, start
        self._like, self._kind = subject.weights, start.dtype
        self._own = (f"{behind.layer}.weight", f"{behind.layer}.bias")
        start = start.to(kind)
        parts = dict(zip(self._like, unflat(start, list(self._like.values())), strict=True))
        weight, bias = parts[self._own[0]], parts.get(self._own[1])
        self._s = weight if bias is None else torch.cat([weight, bias[:, None]], 1)
        self._x, self._gram = behind.of(kind)
        self._slope = self._x @ self._s.T
        self._size = self._s.double().square().sum().to(start)
        # The most that J stretches a vector, or a little more.
        self._stretch = float(self._gram.norm().double().sqrt()) if kind != torch.float64 else 0.0
        others = [p.reshape(-1) for n, p in parts.items() if n not in self._own]
        self.start = torch.cat([start.new_ones(1), torch.zeros_like(self._slope).flatten(), *others])

    def with_more_digits(self) -> "DualHessian":
        """The same in coordinates of float64."""
        return DualHessian(self._subject, self._behind, self._start, kind=torch.float64)

    def image(self, coordinates: Tensor) -> Tensor:
        """Coordinates times the inner products of what they stand for: c and u of ``J (c s + Jᵀ u)``."""
        c, z, rest = self._cut(coordinates)
        own = c * self._size + (self._slope * z).sum()
        image = torch.cat([own, (c * self._slope + self._gram @ z).flatten(), rest])
        if self._stretch:
            length = float((coordinates @ image).clamp_min(0).sqrt())
            if not self._stretch * float(z.norm()) <= MOST_STRETCH * length:
                raise PrecisionLost
        return image

    def product(self, image: Tensor) -> Tensor:
        """Coordinates of the Hessian times the vector that has this image."""
        product = product_with(self._behind.graph, image[1:].to(self._kind)).to(image.dtype)
        return torch.cat([image.new_zeros(1), product / self._subject.samples])

    def vector(self, coordinates: Tensor) -> Tensor:
        """The weights ``c s + Jᵀ u``."""
        c, z, rest = self._cut(coordinates)
        rows = c * self._s + z.T @ self._x
        weight, bias = self._own
        own = {weight: rows[:, : self._like[weight].shape[1]], bias: rows[:, -1]}
        others = iter(unflat(rest, [w for n, w in self._like.items() if n not in self._own]))
        return flat([own[n] if n in self._own else next(others) for n in self._like]).to(self._kind)

    def _cut(self, coordinates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        end = 1 + self._slope.numel()
        return coordinates[:1], coordinates[1:end].view_as(self._slope), coordinates[end:]


def dual_hessian(subject: Subject, start: Tensor) -> DualHessian | None:
    """The Hessian as the samples see it, where that is right and cheaper; else nothing."""
    behind: AfterFirstLayer | None = subject.once(AFTER_FIRST_LAYER, lambda: _after_first_layer(subject))
    if behind is None:
        return None
    kind = torch.float32 if start.dtype == torch.float32 else torch.float64
    return DualHessian(subject, behind, start, kind=kind)


def _after_first_layer(subject: Subject) -> AfterFirstLayer | None:
    # With more samples than inputs it is hardly ever cheaper, however many outputs there are.
    if subject.samples > min(subject.chunk, subject.x[0].numel()):
        return None
    if not subject.x.is_floating_point() or is_folded(subject):
        return None
    found = first_layer(subject, (nn.Linear,))
    if found is None:
        return None
    name, x = found
    if not _is_worth_it(x, subject.weights[f"{name}.weight"]) or not _is_right(subject, name):
        return None
    graph = _graph_after_first_layer(subject, name, x)
    if graph is None:
        return None
    if f"{name}.bias" in subject.weights:
        x = torch.cat([x, x.new_ones(len(x), 1)], 1)
    return AfterFirstLayer(name, x, graph)


def _is_worth_it(x: Tensor, weight: Tensor) -> bool:
    """Whether a run of usual length is cheaper so, counted in multiplications."""
    # A layer that reads sequences has rows for every place.
    n, (outputs, inputs) = len(x), weight.shape
    plain = USUAL_STEPS * 2 * n * inputs * outputs
    return x.ndim == 2 and n * n * inputs + USUAL_STEPS * n * n * outputs < WORTH * plain


def _graph_after_first_layer(subject: Subject, name: str, x: Tensor) -> Graph | None:
    """The gradient of the summed loss in what a layer returns and in all other weights.

    Nothing where the samples together do not pass the layer just once, as they are: one of them alone did.
    """
    layer = subject.module.get_submodule(name)
    read: list[Tensor] = []
    returned: list[Tensor] = []

    def take_over(_m: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> Tensor:
        read.append(given[0])
        returned.append(out.detach().requires_grad_())
        # A copy: the layer behind may write over what it reads.
        return returned[-1].clone()

    own = {n: w.clone().requires_grad_() for n, w in subject.weights.items() if not n.startswith(f"{name}.")}
    first = {n: w for n, w in subject.weights.items() if n not in own}
    handle = layer.register_forward_hook(take_over)
    try:
        # A copy: samples may come from where nothing is kept for derivatives.
        logits = subject.logits({**first, **own}, subject.x.clone())
    finally:
        handle.remove()
    if len(read) != 1 or not torch.equal(read[0], x):
        return None
    leaves = [returned[0], *own.values()]
    return leaves, summed_gradient(logits, subject.y, leaves)


def _is_right(subject: Subject, name: str) -> bool:
    """Whether the layer is linear as it stands, and its weights are used nowhere else."""
    layer = subject.module.get_submodule(name)
    generator = generator_of("a step of the weights")
    state = {n: t.double() if t.is_floating_point() else t for n, t in {**subject.buffers, **subject.weights}.items()}
    moved = {
        n: w.double() + torch.randn(w.shape, generator=generator, dtype=torch.float64).to(w.device)
        for n, w in subject.weights.items()
        if n.startswith(f"{name}.")
    }
    x = subject.x[:TRIED_SAMPLES].double()
    seen: list[Tensor] = []

    def keep_first(_m: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> Tensor:
        seen.extend([given[0], out.clone()])
        return seen[1].clone()

    handle = layer.register_forward_hook(keep_first)
    try:
        with torch.no_grad():
            right = call_with(subject.module, {**state, **moved}, x)
            same = call_with(subject.module, state, x)
        linear = nn.functional.linear(seen[0], moved[f"{name}.weight"], moved.get(f"{name}.bias"))
        return _close(seen[1], linear) and _close(same, right)
    except BROKEN:
        return False
    finally:
        handle.remove()


def _close(one: Tensor, other: Tensor) -> bool:
    return bool(((one - other).abs() <= TOLERANCE * other.abs().max()).all())
