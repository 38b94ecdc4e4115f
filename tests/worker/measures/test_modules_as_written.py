"""Modules as people write and wrap them: measures of minima give the plain network's number, or a true sentence."""

import copy
import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kinscape import measure
from kinscape.backend.contracts.problems import Unprocessable

SLUGS = ("train-loss", "gradient-norm", "hessian-trace", "gauss-newton-trace", "relative-flatness", "fgsm-accuracy")


def perceptron() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def samples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(20, 6, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 3, (20,), generator=generator)


class Wrapped(nn.Module):
    """A network around another, with something of its own."""

    def __init__(self, forward: Callable[[nn.Module, Tensor], object]) -> None:
        super().__init__()
        self.body = perceptron()
        self.run = forward

    def forward(self, x: Tensor) -> object:
        return self.run(self.body, x)


def add_one(body: nn.Module, x: Tensor) -> object:
    x += 1
    return body(x)


@pytest.mark.parametrize("slug", SLUGS)
def test_wrappers_are_seen_through(slug: str) -> None:
    x, y = samples()
    right = measure(slug)(perceptron(), x, y).value
    for wrap in (nn.DataParallel, lambda m: torch.compile(m, backend="eager")):
        assert measure(slug)(wrap(perceptron()), x, y).value == pytest.approx(right, rel=1e-12)


def test_a_wrapped_network_has_the_weights_of_the_plain_one() -> None:
    plain = perceptron()
    for other in (nn.DataParallel(plain), torch.compile(plain, backend="eager"), torch.jit.script(plain)):
        assert measure("weight-l2")(plain, other).value == 0


@pytest.mark.parametrize("slug", SLUGS)
def test_a_network_that_changes_its_samples_gets_copies(slug: str) -> None:
    x, y = samples()
    before = x.clone()
    found = measure(slug)(Wrapped(add_one), x, y).value
    assert torch.equal(x, before)
    assert found == pytest.approx(measure(slug)(Wrapped(lambda body, x: body(x + 1)), x, y).value, rel=1e-9)


@pytest.mark.parametrize("slug", SLUGS)
def test_parameters_that_no_pass_uses_change_nothing(slug: str) -> None:
    x, y = samples()
    network = perceptron()
    network.add_module("head", nn.Identity())
    network.head.extra = nn.Linear(3, 5).double()
    assert measure(slug)(network, x, y).value == pytest.approx(measure(slug)(perceptron(), x, y).value, rel=1e-9)


@pytest.mark.parametrize("slug", ["relative-flatness", "relative-flatness-layers", "fisher-rao-norm"])
@pytest.mark.parametrize("hidden", [True, False])
def test_one_logit_is_as_flat_as_its_two(slug: str, hidden: bool) -> None:  # noqa: FBT001
    torch.manual_seed(0)
    last = nn.Linear(6, 1).double()
    twice = nn.Linear(6, 2).double()
    with torch.no_grad():
        twice.weight.copy_(torch.cat([torch.zeros_like(last.weight), last.weight]))
        twice.bias.copy_(torch.cat([torch.zeros_like(last.bias), last.bias]))
    before: list[nn.Module] = [nn.Linear(6, 6).double(), nn.Tanh()] if hidden else []
    x, y = samples()
    one, two = (nn.Sequential(*copy.deepcopy(before), m) if hidden else m for m in (last, twice))
    values = [measure(slug)(m, x, y % 2).value for m in (one, two)]
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_outputs_in_half_precision_are_read() -> None:
    x, y = samples()
    network = Wrapped(lambda body, x: body(x).half())
    assert measure("train-loss")(network, x, y).value == pytest.approx(
        measure("train-loss")(perceptron(), x, y).value, rel=1e-3
    )
    assert measure("gradient-norm")(network, x, y).value > 0


class Scaled(nn.Module):
    """Its first parameter has another type than the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.body = perceptron()

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) * self.scale


def test_a_network_of_several_types_is_computed_in_the_longest() -> None:
    x, y = samples()
    network = Scaled()
    assert measure("train-loss")(network, x, y).value == pytest.approx(
        measure("train-loss")(perceptron(), x, y).value, rel=1e-12
    )
    doubled = Scaled().double()
    for slug in ("gradient-norm", "hessian-trace"):
        assert measure(slug)(network, x, y).value == pytest.approx(measure(slug)(doubled, x, y).value, rel=1e-9)


def test_activations_held_in_a_list_are_no_obstacle() -> None:
    class Holding(Wrapped):
        def forward(self, x: Tensor) -> object:
            self.held = [self.body[0](x)]
            return self.body(x)

    network = Holding(lambda body, x: body(x)).bfloat16()
    x, y = samples()
    network(x.bfloat16())
    assert measure("train-loss")(network, x.bfloat16(), y).value > 0


class Raising(nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.head, self.error = nn.Linear(6, 3).double(), error

    def forward(self, x: Tensor) -> Tensor:
        raise self.error


@pytest.mark.parametrize("error", [AssertionError("seven"), KeyError("seven"), AttributeError("seven")])
def test_whatever_a_forward_raises_is_told(error: Exception) -> None:
    with pytest.raises(Unprocessable, match=rf"cannot read x: {type(error).__name__}: .*seven"):
        measure("train-loss")(Raising(error), *samples())


class Body(nn.Module):
    """float32 inside a float64 network."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(6, 8), nn.Linear(8, 3).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x.float()).double())


class Casting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 3).bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x.bfloat16())


class Rotating(nn.Module):
    """A network with complex weights."""

    def __init__(self) -> None:
        super().__init__()
        self.turn, self.head = nn.Parameter(torch.randn(6, 6, dtype=torch.complex128)), nn.Linear(6, 3).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.head((x.to(torch.complex128) @ self.turn).abs())


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "script": (lambda: torch.jit.script(perceptron()), "pass the module that it was made from"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(3)), "run it once on a sample"),
    "meta": (lambda: perceptron().to("meta"), "load its weights first"),
    "complex": (Rotating, "complex parameters"),
    "casts between types": (Body, "make all of them float64"),
    "casts to bfloat16": (Casting, "bfloat16 weights have too few digits"),
    "returns nan": (lambda: Wrapped(lambda body, x: body(x) * torch.nan), "logits are not finite"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_measured_is_said(kind: str) -> None:
    make, sentence = REFUSED[kind]
    for slug in SLUGS:
        with pytest.raises(Unprocessable, match=sentence):
            measure(slug)(make(), *samples())


class Stretched(nn.Module):
    """Multiplies by something that is neither parameter nor buffer."""

    def __init__(self, factor: float | Tensor) -> None:
        super().__init__()
        self.body = perceptron()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x * self.factor)


@pytest.mark.parametrize("slug", ["loss-barrier", "chord-curvature", "layer-reset-init"])
def test_a_path_whose_end_is_not_the_second_network_is_refused(slug: str) -> None:
    x, y = samples()
    for factor in (3.0, 3 * torch.ones(6, dtype=torch.float64)):
        with pytest.raises(Unprocessable, match="neither; register it as a buffer"):
            measure(slug)(Stretched(1.0), Stretched(factor), x, y)


def test_float8_weights_have_spectra() -> None:
    state = {"a.weight": torch.randn(8, 8).to(torch.float8_e4m3fn)}
    same = {"a.weight": state["a.weight"].float()}
    for slug in ("stable-rank", "l2-norm", "spectral-entropy", "kurtosis"):
        assert measure(slug)(state).value == measure(slug)(same).value
    with pytest.raises(Unprocessable, match="load them first"):
        measure("l2-norm")({"a.weight": torch.empty(3, 3, device="meta")})


def explicit_gauss_newton_trace(module: nn.Module, x: Tensor) -> float:
    names, weights = zip(*module.named_parameters(), strict=True)

    def logits(*values: Tensor) -> Tensor:
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (x,))

    slopes = torch.autograd.functional.jacobian(logits, weights)
    p = logits(*weights).detach().softmax(1)
    a = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    return sum(float(torch.einsum("ncp,ncd,ndp->", j.flatten(2), a, j.flatten(2))) for j in slopes) / len(x)


def test_a_change_of_later_samples_is_seen() -> None:
    def clamp(body: nn.Module, x: Tensor) -> object:
        x[x > 1.5] *= 2
        return body(x)

    x, y = samples()
    x[:2] = x[:2].clamp(max=1)
    assert bool((x > 1.5).any())
    before = x.clone()
    right = measure("sam-sharpness")(Wrapped(lambda body, x: body(torch.where(x > 1.5, 2 * x, x))), x, y).value
    assert measure("sam-sharpness")(Wrapped(clamp), x, y).value == pytest.approx(right, rel=1e-9)
    assert torch.equal(x, before)


def test_hooks_of_a_wrapper_count() -> None:
    x, y = samples()
    right = measure("train-loss")(Wrapped(lambda body, x: 3 * body(x)), x, y).value
    for wrap in (nn.DataParallel, lambda m: torch.compile(m, backend="eager")):
        wrapped = wrap(perceptron())
        wrapped.register_forward_hook(lambda _m, _i, out: 3 * out)
        assert measure("train-loss")(wrapped, x, y).value == pytest.approx(right, rel=1e-12)


def test_a_common_part_of_all_logits_does_not_hide_another_function() -> None:
    class Lifted(Stretched):
        def forward(self, x: Tensor) -> Tensor:
            return self.body(x) * self.factor + 1e4

    x, y = samples()
    with pytest.raises(Unprocessable, match="neither; register it as a buffer"):
        measure("loss-barrier")(Lifted(1.0), Lifted(3.0), x, y)


class OwnLinear(nn.Linear):
    """A class of its own that computes the same."""


class Doubled(nn.Linear):
    """A class of its own that computes something else."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(2 * x)


def test_layers_of_own_classes_are_in_the_sum() -> None:
    x, y = samples()
    plain, own, doubled = perceptron(), perceptron(), perceptron()
    own[2] = OwnLinear(8, 3).double()
    own[2].load_state_dict(plain[2].state_dict())
    slug = "relative-flatness-layers"
    assert measure(slug)(own, x, y).value == pytest.approx(measure(slug)(plain, x, y).value, rel=1e-9)
    doubled[2] = Doubled(8, 3).double()
    found = measure(slug)(doubled, x, y)
    assert list(found.series["layer"]) == ["0"]
    assert "Left out, as their gradients have no rule: 2." in found.warning
    assert measure("gauss-newton-trace")(doubled, x, y).value == pytest.approx(
        explicit_gauss_newton_trace(doubled, x), rel=1e-6
    )


class Locked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.lock = perceptron(), threading.Lock()

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def test_what_cannot_be_copied_is_said() -> None:
    x, y = samples()
    assert measure("train-loss")(Locked(), x, y).value > 0
    for slug in ("layer-reset-random", "loss-plane", "sam-sharpness", "loss-barrier-matched"):
        given = (Locked(), Locked()) if slug == "loss-barrier-matched" else (Locked().half(),)
        references = [Locked()] * 3 if slug == "loss-plane" else []
        with pytest.raises(Unprocessable, match="cannot be copied"):
            measure(slug)(*given, x, y, references=references)


def test_a_forward_that_breaks_later_is_told_and_modes_come_back() -> None:
    def few(body: nn.Module, x: Tensor) -> object:
        assert len(x) <= 4, "at most four"
        return body(x)

    network = Wrapped(few).train()
    with pytest.raises(Unprocessable, match="broke on these samples: AssertionError: at most four"):
        measure("train-loss")(network, *samples())
    assert all(part.training for part in network.modules())


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = perceptron()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(6).double())

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        self.mean.mul_(0.9).add_(0.1 * x.detach().mean(0))
        torch.rand(3)
        return self.body(x)


def test_buffers_and_random_state_are_as_before() -> None:
    network = Counting()
    before, state = {n: b.clone() for n, b in network.named_buffers()}, torch.get_rng_state()
    for slug in ("train-loss", "gradient-norm", "fgsm-accuracy"):
        measure(slug)(network, *samples())
    assert all(torch.equal(before[n], b) for n, b in network.named_buffers())
    assert torch.equal(torch.get_rng_state(), state)


def test_one_logit_that_is_squeezed_everywhere_is_read() -> None:
    torch.manual_seed(0)
    last = nn.Linear(6, 1).double()
    x, y = samples()
    network = Wrapped(lambda _body, x: last(x).squeeze())
    network.last = last
    right = measure("train-loss")(nn.Sequential(last), x, y % 2).value
    assert measure("train-loss")(network, x, y % 2).value == pytest.approx(right, rel=1e-12)


def test_names_of_wrappers_are_no_other_architecture() -> None:
    plain = perceptron()
    for state in (nn.DataParallel(plain).state_dict(), torch.compile(plain, backend="eager").state_dict()):
        assert measure("weight-l2")(plain.state_dict(), state).value == 0


def test_tensors_without_values_are_refused() -> None:
    x = torch.randn(20, 4)
    with pytest.raises(Unprocessable, match="meta device"):
        measure("linear-cka")(x, x.to("meta"))
    with pytest.raises(Unprocessable, match="meta device"):
        measure("kl-divergence")(x, x.to("meta"))
