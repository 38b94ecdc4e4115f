"""Networks of real life that a shortcut must not change, break or misread."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kinscape import measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.curvature.directional_curvature import sample_curvatures
from kinscape.worker.curvature.directions import moved
from kinscape.worker.curvature.dual_hessian import AFTER_FIRST_LAYER, dual_hessian
from kinscape.worker.curvature.hessian_products import hessian_product
from kinscape.worker.curvature.lanczos import Krylov, PlainOperator
from kinscape.worker.curvature.loss_evaluator import LossEvaluator
from kinscape.worker.curvature.spectral_density import hessian_krylov
from kinscape.worker.curvature.vectors import size_of, start_vector
from kinscape.worker.inputs.subject import Subject
from tests.worker.networks import explicit_hessian

TRACES = ["hessian-trace", "gauss-newton-trace", "hessian-top-eigenvalue"]


class Reads(nn.Module):
    """Looks at its layers, calls them by keyword, remembers what passed, and has a gain of no dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Linear(3, 3)
        self.gain = nn.Parameter(torch.tensor(1.5))
        self.seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(input=self.conv(input=x.to(self.conv.weight.dtype)))
        x = torch.relu(x).mean((2, 3)) * (1 + 0.1 * self.norm.weight.mean())
        self.seen = x
        found: Tensor = self.out(input=x) * self.gain
        return found


class Routed(nn.Module):
    """Samples whose first value is large are normalised, the others are not."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.norm, self.out = nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(x)
        found: Tensor = self.out(torch.tanh(torch.where(x[:, :1] > 0, self.norm(h), h)))
        return found


def clamped(module: nn.Module, _: object, out: Tensor) -> Tensor:
    return out.clamp(-0.2, 0.2)


def hooked() -> nn.Module:
    module = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
    module[0].register_forward_hook(clamped)
    return module


class Tied(nn.Module):
    """The first layer's weights come back at the end, transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle = nn.Linear(12, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.middle(torch.tanh(self.first(x))))
        return nn.functional.linear(h, self.first.weight.T)[:, :3]


def old(norm: Callable[[nn.Module], nn.Module]) -> nn.Module:
    return nn.Sequential(norm(nn.Linear(12, 8)), nn.Tanh(), nn.Linear(8, 3))


FIRST_LAYERS: dict[str, Callable[[], nn.Module]] = {
    "plain": lambda: nn.Sequential(nn.Linear(12, 8), nn.ReLU(inplace=True), nn.Linear(8, 3)),
    "flattened": lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3)),
    "only layer": lambda: nn.Sequential(nn.Linear(12, 3)),
    "hooked": hooked,
    "read again": Tied,
    "weight norm": lambda: old(nn.utils.weight_norm),
    "spectral norm": lambda: old(nn.utils.spectral_norm),
    "parametrized": lambda: old(nn.utils.parametrizations.weight_norm),
}


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("kind", FIRST_LAYERS)
def test_losses_on_a_plane_are_those_of_the_moved_network(kind: str) -> None:
    torch.manual_seed(0)
    module = FIRST_LAYERS[kind]().double().eval()
    x = torch.randn(30, 12, dtype=torch.float64)
    subject = Subject(module, x, torch.randint(0, 3, (30,)))
    both = [{n: torch.randn_like(w) for n, w in subject.weights.items()} for _ in range(2)]
    traveller = LossEvaluator(subject, both)
    assert (traveller._first is not None) == (kind in ("plain", "flattened", "only layer"))
    for a, b in ((0.0, 0.0), (0.5, 0.0), (-0.3, 0.7)):
        right = subject.losses(moved(moved(subject.weights, both[0], a), both[1], b))
        assert torch.allclose(traveller.losses((a, b)), right, rtol=1e-9)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("kind", FIRST_LAYERS)
def test_the_hessian_seen_through_few_samples_makes_the_same_run(kind: str) -> None:
    torch.manual_seed(0)
    module = FIRST_LAYERS[kind]().double().eval()
    x, y = torch.randn(6, 12, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1, 1])
    subject = Subject(module, x, y)
    start = start_vector(subject, 0)
    seen = dual_hessian(subject, start)
    assert (seen is not None) == (kind in ("plain", "flattened", "only layer"))
    if seen is None:
        return
    one, two = (Krylov(o, size_of(subject)) for o in (seen, PlainOperator(hessian_product(subject), start)))
    for run in (one, two):
        run.grow(8)
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(one.quadrature(8), two.quadrature(8), strict=True))
    assert torch.allclose(one.vector(1, 8), two.vector(1, 8), atol=1e-7)
    assert one.asymmetry < 1e-9


def test_eigenvalues_seen_through_few_samples_are_those_of_the_explicit_hessian() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(40, 6), nn.Tanh(), nn.Linear(6, 3)).double().eval()
    x, y = torch.randn(14, 4, 10, dtype=torch.float64), torch.randint(0, 3, (14,))
    x[1] = x[0]  # the samples span less than there are of them
    subject = Subject(module, x, y)
    run = hessian_krylov(subject)
    assert subject.memo.get(AFTER_FIRST_LAYER) is not None
    found = run.until(5, steps=200, tolerance=1e-8)
    hessian = explicit_hessian(module, x, y)
    assert found.values == pytest.approx(torch.linalg.eigvalsh(hessian).flip(0)[:5].tolist(), rel=1e-6)
    steepest = run.vector(0, found.steps)
    assert torch.allclose(hessian @ steepest, found.values[0] * steepest, atol=1e-6)
    assert found.smallest == pytest.approx(float(torch.linalg.eigvalsh(hessian)[0]), abs=1e-6)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-4, 0.0), (5.0, 293.0), (1.0, 1000.0), (1e3, 0.0)])
def test_samples_of_any_size_keep_their_digits(scale: float, shift: float) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(60, 16), nn.ReLU(), nn.Linear(16, 4)).eval()
    x, y = scale * torch.randn(25, 60) + shift, torch.randint(0, 4, (25,))
    subject = Subject(module, x, y)
    found = hessian_krylov(subject)
    assert subject.memo.get(AFTER_FIRST_LAYER) is not None
    right = hessian_krylov(Subject(copy.deepcopy(module).double(), x.double(), y))
    values = [run.until(2, steps=30, tolerance=1e-5).values for run in (found, right)]
    assert values[0] == pytest.approx(values[1], rel=1e-4)
    assert found.asymmetry < 1e-4


def test_samples_that_are_read_in_another_order_than_they_lie_in_are_not_taken_for_rows() -> None:
    torch.manual_seed(0)

    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.out = nn.Linear(48, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.out(torch.tanh(self.first(x.permute(0, 2, 3, 1).flatten(1))))
            return found

    module = Turned().double().eval()
    x = torch.randn(9, 4, 4, 3, dtype=torch.float64).permute(0, 3, 1, 2)
    y = torch.randint(0, 3, (9,))
    right = torch.linalg.eigvalsh(explicit_hessian(module, x, y))[-1]
    found = measure("hessian-top-eigenvalue")(module, x, y, tolerance=1e-7)
    assert found.value == pytest.approx(float(right), rel=1e-6)
    again = measure("hessian-top-eigenvalue")(module, x.contiguous(), y, tolerance=1e-7)
    assert (found.low, found.high) == pytest.approx((again.low, again.high), rel=1e-6)


def test_samples_from_inference_mode_have_their_eigenvalues() -> None:
    torch.manual_seed(0)

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.w = nn.Linear(40, 5), nn.Linear(5, 3), nn.Linear(40, 3)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.b(torch.tanh(self.a(x))) + self.w(x)
            return found

    module, y = Twice().eval(), torch.tensor([0, 1, 2, 0, 1])
    with torch.inference_mode():
        x = torch.randn(5, 40)
        labels = y.clone()
    assert measure("hessian-top-eigenvalue")(module, x, y).value > 0
    assert measure("hessian-top-eigenvalue")(module, x, labels).value > 0


def test_samples_whose_products_overflow_have_their_eigenvalues() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(60, 8, bias=False), nn.LayerNorm(8), nn.Linear(8, 3)).eval()
    x, y = (20 * torch.randn(10, 60)).half(), torch.randint(0, 3, (10,))
    found = measure("hessian-top-eigenvalue")(copy.deepcopy(module).half(), x, y, intervals=False)
    right = measure("hessian-top-eigenvalue")(module.double(), x.double(), y, intervals=False)
    assert found.value == pytest.approx(right.value, rel=2e-2)


@pytest.mark.parametrize("kind", ["twice", "doubled"])
def test_a_first_layer_that_samples_together_pass_otherwise_is_left_alone(kind: str) -> None:
    torch.manual_seed(0)

    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.out = nn.Linear(40, 40), nn.Linear(40, 3)

        def forward(self, x: Tensor) -> Tensor:
            is_one = len(x) < 3
            h = self.first(x if is_one or kind == "twice" else 2 * x)
            found: Tensor = self.out(torch.tanh(h if is_one or kind == "doubled" else self.first(h)))
            return found

    module, y = Again().double().eval(), torch.randint(0, 3, (8,))
    x = torch.randn(8, 40, dtype=torch.float64)
    right = torch.linalg.eigvalsh(explicit_hessian(module, x, y))[-1]
    found = measure("hessian-top-eigenvalue")(module, x, y, tolerance=1e-7, intervals=False)
    assert found.value == pytest.approx(float(right), rel=1e-6)


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_a_handful_of_samples_has_its_eigenvalues(samples: int) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(30, 4), nn.ReLU(), nn.Linear(4, 3)).double().eval()
    x, y = torch.randn(samples, 30, dtype=torch.float64), torch.arange(samples)
    right = torch.linalg.eigvalsh(explicit_hessian(module, x, y))[-1]
    assert measure("hessian-top-eigenvalue")(module, x, y, tolerance=1e-7).value == pytest.approx(
        float(right), rel=1e-6
    )


@pytest.mark.parametrize("slug", [*TRACES, "loss-surface-2d", "hessian-density", "chord-curvature"])
def test_networks_that_look_at_their_layers_have_their_numbers(slug: str) -> None:
    torch.manual_seed(0)
    module, other = Reads().double().eval(), Reads().double().eval()
    x, y = torch.randn(20, 1, 5, 5, dtype=torch.float64), torch.randint(0, 3, (20,))
    module(x)  # remembers activations with a graph
    found = measure(slug)(*([module, other] if slug == "chord-curvature" else [module]), x, y)
    hessian = explicit_hessian(module, x, y)
    right = {"hessian-trace": hessian.trace(), "hessian-top-eigenvalue": torch.linalg.eigvalsh(hessian)[-1]}
    if slug in right:
        # With as many probes as weights the trace is exact.
        value = measure(slug)(module, x, y, probes=200).value if slug == "hessian-trace" else found.value
        assert value == pytest.approx(float(right[slug]), rel=1e-3)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("slug", ["gauss-newton-trace", "layer-traces"])
def test_weights_under_other_names_are_differentiated_sample_by_sample(slug: str) -> None:
    torch.manual_seed(0)
    module = old(nn.utils.weight_norm).double().eval()
    x = torch.randn(20, 12, dtype=torch.float64)
    assert measure(slug)(module, x, torch.randint(0, 3, (20,))).value > 0


def test_a_way_that_only_some_samples_take_is_found() -> None:
    torch.manual_seed(0)
    module = Routed().double().eval()
    with torch.no_grad():
        module.norm.weight.mul_(1 + 0.5 * torch.randn(8, dtype=torch.float64))
    x = torch.randn(60, 6, dtype=torch.float64)
    x[:3, 0] = -1
    x[3:, 0] = x[3:, 0].abs()
    subject = Subject(module, x, torch.randint(0, 3, (60,)))
    assert sample_curvatures(subject, start_vector(subject, 0)) is None
    assert subject.memo.get("nested derivatives") is False


class Steep(nn.Module):
    """A slope without bounds where a weight is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.gain, self.out = nn.Parameter(torch.zeros(3)), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.out(x) + self.gain.abs().pow(1.5)
        return found


@pytest.mark.parametrize("slug", ["hessian-top-eigenvalue", "hessian-density"])
def test_products_without_numbers_are_a_reason(slug: str) -> None:
    with pytest.raises(Unprocessable, match="not finite"):
        measure(slug)(Steep(), torch.randn(20, 4), torch.randint(0, 3, (20,)))


def test_samples_that_answer_together_are_not_parted() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 64, 3, padding=1),
        nn.BatchNorm2d(64, track_running_stats=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 3),
    ).eval()
    x = torch.randn(130, 1, 32, 32)
    subject = Subject(module, x, torch.randint(0, 3, (130,)))
    right = nn.functional.cross_entropy(module(x), subject.y, reduction="none")
    assert torch.allclose(subject.losses(), right, atol=1e-5)
