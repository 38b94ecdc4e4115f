"""Numbers of minima against explicit Hessians, closed forms and slow references."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from kinscape import build, measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.curvature.directional_curvature import group_curvatures
from kinscape.worker.curvature.gauss_newton import gauss_newton_traces
from kinscape.worker.curvature.linear_paths import reestimated
from kinscape.worker.curvature.vectors import start_vector
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.untrained import untrained
from kinscape.worker.numerics.draws import seed_of
from tests.worker.networks import explicit_hessian, small_networks, trained_mlp

KINDS = list(small_networks())


def given(kind: str, samples: int = 24) -> tuple[nn.Module, Tensor, Tensor]:
    module, shape, _ = small_networks()[kind]
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(samples, *shape, generator=rng, dtype=torch.float64)
    return module.double().eval(), x, torch.randint(0, 3, (samples,), generator=rng)


def explicit_gauss_newton(module: nn.Module, x: Tensor) -> Tensor:
    weights = list(module.parameters())
    total = torch.zeros(())
    for row in x:
        out = module(row[None])[0]
        rows = [torch.autograd.grad(z, weights, retain_graph=True, materialize_grads=True) for z in out]
        jacobian = torch.stack([torch.cat([g.reshape(-1) for g in r]) for r in rows])
        p = out.softmax(0).detach()
        total = total + jacobian.T @ (torch.diag(p) - torch.outer(p, p)) @ jacobian
    return total / len(x)


def loss_at(module: nn.Module, state: dict[str, Tensor], x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float(nn.functional.cross_entropy(torch.func.functional_call(module, state, (x,)), y))


@pytest.mark.parametrize("kind", KINDS)
def test_the_five_largest_eigenvalues_are_those_of_the_explicit_hessian(kind: str) -> None:
    module, x, y = given(kind)
    expected = torch.linalg.eigvalsh(explicit_hessian(module, x, y)).flip(0)[:5]
    found = measure("hessian-top-eigenvalue")(module, x, y, k=5, tolerance=1e-8, steps=400)
    assert torch.allclose(torch.tensor(found.series["eigenvalue"], dtype=torch.float64), expected, rtol=1e-6)
    assert not found.warning


@pytest.mark.parametrize("kind", KINDS)
def test_the_gauss_newton_matrix_is_the_explicit_one(kind: str) -> None:
    module, x, y = given(kind)
    matrix = explicit_gauss_newton(module, x)
    top = measure("gauss-newton-top-eigenvalue")(module, x, y, k=3, tolerance=1e-8, steps=400)
    expected = torch.linalg.eigvalsh(matrix).flip(0)[:3]
    assert torch.allclose(torch.tensor(top.series["eigenvalue"], dtype=torch.float64), expected, rtol=1e-6)
    assert measure("gauss-newton-trace")(module, x, y).value == pytest.approx(float(matrix.trace()), rel=1e-9)
    table = measure("layer-traces")(module, x, y).series
    sizes = [p.numel() for p in module.parameters()]
    blocks = [float(part.sum()) for part in matrix.diagonal().split(sizes)]
    assert table["trace"] == pytest.approx(blocks, rel=1e-9)
    assert sum(v for v in table["value"] if isinstance(v, float)) == pytest.approx(1)


def test_the_trap_of_nested_forward_derivatives_through_layer_norm_is_avoided() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3)).double()
    with torch.no_grad():
        module[1].weight.mul_(1 + 0.3 * torch.randn(8, dtype=torch.float64))
    x, y = torch.randn(20, 6, dtype=torch.float64), torch.randint(0, 3, (20,))
    right = explicit_hessian(module, x, y)

    def loss(flat: Tensor) -> Tensor:
        parts = flat.split([p.numel() for p in module.parameters()])
        state = {n: q.view_as(p) for (n, p), q in zip(module.named_parameters(), parts, strict=True)}
        return nn.functional.cross_entropy(torch.func.functional_call(module, state, (x,)), y)

    flat = torch.cat([p.detach().reshape(-1) for p in module.parameters()])
    nested = torch.func.jacfwd(torch.func.jacrev(loss))(flat)
    expected = torch.linalg.eigvalsh(right)
    found = measure("hessian-top-eigenvalue")(module, x, y, k=5, tolerance=1e-8)
    assert torch.allclose(torch.tensor(found.series["eigenvalue"], dtype=torch.float64), expected.flip(0)[:5])
    gap = float((nested - right).abs().max())
    assert gap > 1e-2, "torch's nested derivatives are right now: the peers' entries and curvature.py can say so"


class Normed(nn.Module):
    """A layer that calls the operator of weight norm itself, so that nothing tells how its weight is made."""

    def __init__(self) -> None:
        super().__init__()
        self.direction, self.length = nn.Parameter(torch.randn(8, 6)), nn.Parameter(torch.rand(8, 1) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x @ torch._weight_norm(self.direction, self.length, 0).T


def test_second_derivatives_that_torch_gets_wrong_are_noticed() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(Normed(), nn.Tanh(), nn.Linear(8, 3)).double()
    x, y = torch.randn(30, 6, dtype=torch.float64), torch.randint(0, 3, (30,))
    found = measure("hessian-top-eigenvalue")(module, x, y, tolerance=1e-8)
    assert "not symmetric" in found.warning


@pytest.mark.parametrize("norm", [nn.utils.parametrizations.weight_norm, nn.utils.weight_norm])
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_the_minimum_of_normed_weights_is_that_of_the_weights(norm: Any) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(norm(nn.Linear(6, 8)), nn.Tanh(), nn.Linear(8, 3)).double()
    x, y = torch.randn(30, 6, dtype=torch.float64), torch.randint(0, 3, (30,))
    plain = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    with torch.no_grad():
        plain[0].weight.copy_(module[0].weight)
        plain[0].bias.copy_(module[0].bias)
    plain[2].load_state_dict(module[2].state_dict())
    right = float(torch.linalg.eigvalsh(explicit_hessian(plain, x, y))[-1])
    found = measure("hessian-top-eigenvalue")(module, x, y, tolerance=1e-8)
    assert found.value == pytest.approx(right, rel=1e-6)
    assert not found.warning


@pytest.mark.parametrize("kind", small_networks())
def test_curvature_of_samples_is_that_of_the_explicit_hessian_or_left_to_double_backward(kind: str) -> None:
    module, x, y = given(kind)
    subject = Subject(module, x, y, groups=row_groups(len(x), count=4))
    vector = start_vector(subject, 0)
    found = group_curvatures(subject, [vector], subject.groups)[:, 0]
    for group, value in zip(subject.groups, found.tolist(), strict=True):
        right = float(vector @ explicit_hessian(module, x[group], y[group]) @ vector)
        assert value == pytest.approx(right, rel=1e-9)
    # Through norms of a sample's own statistics nested forward derivatives are wrong: the trial finds it.
    assert subject.memo.get("nested derivatives") is (kind not in ("attention", "group-norm"))


def test_the_density_has_the_moments_of_the_explicit_spectrum() -> None:
    module, x, y = given("mlp")
    hessian = explicit_hessian(module, x, y)
    found = measure("hessian-density")(module, x, y, probes=400, steps=20)
    assert found.monte_carlo_error is not None
    assert abs(found.value - float(hessian.norm())) < 4 * found.monte_carlo_error
    nodes, weights = (np.array(found.series[c], dtype=float) for c in ("node", "weight"))
    assert weights.sum() == pytest.approx(1)
    eigenvalues = torch.linalg.eigvalsh(hessian).numpy()
    limit = eigenvalues[-1] / 4
    assert weights[nodes > limit].sum() == pytest.approx((eigenvalues > limit).mean(), abs=0.03)


def test_spectra_are_as_far_apart_as_their_eigenvalues() -> None:
    (a, x, y), (b, _, _) = trained_mlp(0), trained_mlp(1)
    with torch.no_grad():
        for p in b.parameters():
            p.mul_(2)
    spectra = [torch.linalg.eigvalsh(explicit_hessian(m, x, y)).numpy() for m in (a, b)]
    found = measure("spectrum-distance")(a, b, x, y, probes=100, steps=60)
    assert found.value == pytest.approx(stats.wasserstein_distance(*spectra), rel=0.1)
    assert measure("spectrum-distance")(a, a, x, y).value == 0
    other = build("mlp", inputs=6, classes=3, width=9, depth=2).double()
    with pytest.raises(Unprocessable, match=r"Not comparable: \d+ and \d+ weights"):
        measure("spectrum-distance")(a, other, x, y)


def test_curvature_along_the_chord_is_the_quadratic_form() -> None:
    (a, x, y), (b, _, _) = trained_mlp(0), trained_mlp(1)
    chord = torch.cat([(q - p).detach().reshape(-1) for p, q in zip(a.parameters(), b.parameters(), strict=True)])
    expected = float(chord @ explicit_hessian(a, x, y) @ chord / (chord @ chord))
    assert measure("chord-curvature")(a, b, x, y).value == pytest.approx(expected, rel=1e-9)
    with pytest.raises(Unprocessable, match="the same weights"):
        measure("chord-curvature")(a, a, x, y)


def test_information_geometric_sharpness_is_its_definition() -> None:
    module, x, y = trained_mlp()
    x, y = x[:12], y[:12]
    weights = list(module.parameters())
    slopes, p = [], module(x).softmax(1).detach()
    for row in x:
        logs = module(row[None])[0].log_softmax(0)
        slopes.append(
            torch.stack(
                [torch.cat([g.reshape(-1) for g in torch.autograd.grad(z, weights, retain_graph=True)]) for z in logs]
            )
        )
    g = torch.stack(slopes)
    fisher = torch.einsum("nc,ncp,ncq->pq", p, g, g) / len(x)
    values, vectors = torch.linalg.eigh(fisher)
    for k in (5, 0):
        kept = values > 1e-10 * values[-1]
        if k:
            kept[:-k] = False
        own = g[torch.arange(12), y]
        expected = float(((own @ vectors[:, kept]).square() / values[kept]).sum(1).mean())
        found = measure("information-geometric-sharpness")(module, x, y, k=k, batch=12)
        assert found.value == pytest.approx(expected, rel=1e-6)
    everything = float((1 / p[torch.arange(12), y] - 1).sum())
    assert found.notes["sum_of_inverse_odds"] == pytest.approx(everything)
    assert found.value == pytest.approx(everything, rel=1e-6), "an over-parameterised batch says nothing else"


def test_relative_flatness_of_layers_is_that_of_explicit_blocks() -> None:
    module, x, y = trained_mlp()
    hessian = explicit_hessian(module, x, y)
    table = measure("relative-flatness-layers")(module, x, y).series
    start = 0
    expected = {}
    for name, p in module.named_parameters():
        if p.ndim == 2:
            block = hessian[start : start + p.numel(), start : start + p.numel()].view(*p.shape, *p.shape)
            traces = torch.einsum("sjtj->st", block)
            expected[name.removesuffix(".weight")] = float((traces * (p @ p.T).detach()).sum())
        start += p.numel()
    assert dict(zip(table["layer"], table["value"], strict=True)) == pytest.approx(expected, rel=1e-9)
    last = measure("relative-flatness")(module, x, y).value
    assert table["value"][-1] == pytest.approx(last, rel=1e-9)


def test_relative_flatness_of_unit_variance_ignores_the_scale_of_each_feature() -> None:
    module, x, y = trained_mlp()
    twin = copy.deepcopy(module)
    scale = torch.linspace(0.5, 3, 8, dtype=torch.float64)
    with torch.no_grad():
        twin.get_parameter("features.3.weight").mul_(scale[:, None])
        twin.get_parameter("features.3.bias").mul_(scale)
        twin.get_parameter("classifier.weight").div_(scale)
    both = [measure("relative-flatness")(m, x, y, features="unit-variance").value for m in (module, twin)]
    given_as = [measure("relative-flatness")(m, x, y).value for m in (module, twin)]
    assert both[0] == pytest.approx(both[1], rel=1e-9)
    assert given_as[0] != pytest.approx(given_as[1], rel=1e-3)


def test_adaptive_sharpness_of_one_step_is_the_corner_and_zeros_stay() -> None:
    module, x, y = trained_mlp()
    with torch.no_grad():
        module.get_parameter("features.1.weight")[0] = 0
    grads = torch.autograd.grad(nn.functional.cross_entropy(module(x), y), list(module.parameters()))
    moved = {
        n: p + 0.02 * p.abs() * (p.abs() * g).sign() for (n, p), g in zip(module.named_parameters(), grads, strict=True)
    }
    expected = loss_at(module, moved, x, y) - loss_at(module, {}, x, y)
    found = measure("adaptive-sharpness")(module, x, y, rho=0.02, steps=1)
    assert found.value == pytest.approx(expected)
    assert found.notes["zero_weights"] >= 6
    assert measure("adaptive-sharpness")(module, x, y, rho=0.02).value >= found.value
    assert math.isfinite(measure("adaptive-sharpness")(module, x, y, norm="l2").value)


def test_smaller_batches_are_sharper_and_a_batch_of_all_is_all() -> None:
    module, x, y = trained_mlp()
    whole = measure("sam-sharpness")(module, x, y).value
    assert measure("sam-sharpness")(module, x, y, batch=64).value == pytest.approx(whole)
    assert measure("sam-sharpness")(module, x, y, batch=8).value > whole


def test_noise_of_sigma_costs_a_tenth_of_the_accuracy() -> None:
    module, x, y = trained_mlp()
    y = module(x).argmax(1)
    found = measure("pac-bayes-sigma")(module, x, y, draws=40)

    def accuracy(sigma: float) -> float:
        rng = torch.Generator().manual_seed(77)
        rights = []
        for _ in range(300):
            state = {n: p + sigma * torch.randn(p.shape, generator=rng).double() for n, p in module.named_parameters()}
            with torch.no_grad():
                rights.append((torch.func.functional_call(module, state, (x,)).argmax(1) == y).double().mean())
        return float(torch.stack(rights).mean())

    assert accuracy(found.value) == pytest.approx(0.9, abs=0.03)
    assert found.monte_carlo_error is not None
    with pytest.raises(Unprocessable, match="cannot fall by"):
        measure("pac-bayes-sigma")(module, x, (y + 1) % 3)


def test_slices_and_surfaces_pass_through_the_network_itself() -> None:
    module, x, y = trained_mlp()
    own = loss_at(module, {}, x, y)
    for direction in ("filter", "eigenvectors"):
        line = measure("loss-slice-1d")(module, x, y, direction=direction, points=10)
        assert len(line.series["step"]) == 11
        assert line.series["step"][5] == 0
        assert line.series["loss"][5] == own
        plane = measure("loss-surface-2d")(module, x, y, direction=direction, points=5)
        assert (plane.series["x"][12], plane.series["y"][12], plane.series["loss"][12]) == (0, 0, own)
    rise = np.mean(np.array(line.series["loss"], dtype=float)) - own
    assert line.value == pytest.approx(rise)


def test_filter_directions_are_as_long_as_the_filters_and_leave_biases_alone() -> None:
    from kinscape.worker.curvature.directions import filter_normalised
    from kinscape.worker.curvature.vectors import unflat

    module, x, y = given("batch-norm")
    subject = Subject(module, x, y)
    parts = unflat(filter_normalised(subject, torch.Generator().manual_seed(0)), list(subject.weights.values()))
    for (name, weight), part in zip(subject.weights.items(), parts, strict=True):
        if weight.ndim < 2:
            assert not part.any(), name
        else:
            assert torch.allclose(part.flatten(1).norm(dim=1), weight.flatten(1).norm(dim=1))


def test_the_plane_of_three_holds_them_and_what_lies_between() -> None:
    corners = [trained_mlp(k)[0] for k in range(3)]
    _, x, y = trained_mlp(0)
    plane = measure("loss-plane")
    for k, corner in enumerate(corners):
        found = plane(corner, x, y, references=corners, points=5)
        assert found.value == pytest.approx(0, abs=1e-9)
        assert (found.notes["x"], found.notes["y"]) == pytest.approx(
            (found.notes[f"x{k + 1}"], found.notes[f"y{k + 1}"])
        )
        assert bool(found.series) is (k == 0)
    middle = copy.deepcopy(corners[0])
    middle.load_state_dict({n: sum(c.state_dict()[n] for c in corners) / 3 for n in corners[0].state_dict()})
    assert plane(middle, x, y, references=corners, points=5).value == pytest.approx(0, abs=1e-9)
    other, _, _ = trained_mlp(5)
    away = plane(other, x, y, references=corners, points=5)
    own = nn.utils.parameters_to_vector(other.parameters()).detach()
    gaps = [(own - nn.utils.parameters_to_vector(c.parameters()).detach()).norm() for c in corners]
    assert 0 < away.value <= float(min(gaps))
    with pytest.raises(Unprocessable, match="span no plane"):
        plane(other, x, y, references=[corners[0], corners[0], corners[1]])


class Reciprocal(nn.Module):
    """Breaks where its scale is zero."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.out, self.scale = nn.Linear(4, 3), nn.Parameter(torch.tensor(scale))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x) / self.scale


def test_a_loss_that_breaks_on_the_way_is_a_gap_in_the_curve() -> None:
    torch.manual_seed(0)
    a, b = Reciprocal(1.0), Reciprocal(-1.0)
    x, y = torch.randn(30, 4), torch.randint(0, 3, (30,))
    found = measure("loss-barrier")(a, b, x, y, points=5)
    assert "not finite at 1 of 5 points" in found.warning
    assert found.series["loss"][2] is None
    assert found.series["accuracy"][2] is None
    assert all(isinstance(v, float) for k, v in enumerate(found.series["loss"]) if k != 2)
    with torch.no_grad():
        b.scale.zero_()
    with pytest.raises(Unprocessable, match="not finite"):
        measure("loss-barrier")(a, b, x, y)


def test_barriers_of_error_above_the_mean_of_the_ends() -> None:
    (a, x, y), (b, _, _) = trained_mlp(0), trained_mlp(1)
    found = measure("loss-barrier")(a, b, x, y, outcome="error", reference="endpoint-mean", points=9)
    accuracy = np.array(found.series["accuracy"], dtype=float)
    expected = max(0, (1 - accuracy).max() - (2 - accuracy[0] - accuracy[-1]) / 2)
    assert found.value == pytest.approx(expected)


def test_reestimated_statistics_are_those_of_the_samples() -> None:
    module, x, y = given("batch-norm", 40)
    subject = Subject(module, x, y, chunk=1000)
    found = reestimated(subject, subject.weights, subject.buffers)
    with torch.no_grad():
        seen = module[0](x)
    assert torch.allclose(found["1.running_mean"], seen.mean((0, 2, 3)))
    assert torch.allclose(found["1.running_var"], seen.movedim(1, 0).flatten(1).var(1))
    with torch.no_grad():
        expected = nn.functional.cross_entropy(copy.deepcopy(module).train()(x), y)
    barrier = measure("loss-barrier")(module, module, x, y, statistics="re-estimated", points=3)
    # In train mode the variance is divided by N, as a running statistic by N - 1.
    assert barrier.series["loss"][0] == pytest.approx(float(expected), abs=1e-2)


def test_classes_are_drawn_where_there_are_too_many() -> None:
    torch.manual_seed(0)
    module = nn.Linear(5, 1200).double()
    x = torch.randn(60, 5, dtype=torch.float64)
    y = torch.randint(0, 1200, (60,))
    p = module(x).softmax(1).detach()
    sizes = x.square().sum(1) + 1
    expected = float(((1 - p.square().sum(1)) * sizes).mean())
    found = measure("gauss-newton-trace")(module, x, y)
    assert found.notes["class_draws"] == 64
    assert found.monte_carlo_error is not None
    assert found.value == pytest.approx(expected, abs=4 * found.monte_carlo_error)
    # One draw of class c has the squared length (1 - 2 p_c + sum p^2) of its direction; its variance is known.
    length = 1 - 2 * p + p.square().sum(1, keepdim=True)
    variance = (p * length.square()).sum(1) - (p * length).sum(1).square()
    error = float((variance * sizes.square()).sum().sqrt()) / 60 / 64**0.5
    assert found.monte_carlo_error == pytest.approx(error, rel=0.1)


@pytest.mark.parametrize(
    "slug",
    [
        "hessian-top-eigenvalue",
        "hessian-density",
        "hessian-trace",
        "gauss-newton-top-eigenvalue",
        "fisher-rao-norm",
        "gradient-norm",
        "sam-sharpness",
        "relative-flatness",
        "loss-slice-1d",
        "fisher-rao-norm-empirical",
    ],
)
def test_samples_in_chunks_give_the_same_number(slug: str) -> None:
    from kinscape.worker.evaluation.networks import evaluate_network
    from kinscape.worker.measures.catalogue import catalogue

    module, x, y = given("attention") if slug == "hessian-trace" else trained_mlp()
    found = catalogue()[slug]
    whole, *chunked = [
        evaluate_network(
            found, [Subject(module, x, y, groups=row_groups(len(x)), chunk=chunk)], found.card.settings({})
        )
        for chunk in (4096, 7, 2)
    ]
    for cell in chunked:
        assert cell.value == pytest.approx(whole.value, rel=1e-9)
        assert cell.replicates == pytest.approx(whole.replicates, rel=1e-7)


def test_measures_of_one_network_share_one_krylov_run() -> None:
    from kinscape.worker.evaluation.networks import evaluate_network
    from kinscape.worker.measures.catalogue import catalogue

    module, x, y = trained_mlp()
    known = catalogue()
    alone = {
        s: evaluate_network(known[s], [Subject(module, x, y)], known[s].card.settings({}))
        for s in ("hessian-density", "hessian-top-eigenvalue", "gauss-newton-trace", "layer-traces")
    }
    shared = Subject(module, x, y)
    for slug, cell in alone.items():
        again = evaluate_network(known[slug], [shared], known[slug].card.settings({}))
        assert again.value == pytest.approx(cell.value, rel=1e-3)
    assert shared.memo.get(("krylov", 0)) is not None
    before = shared.memo.get(("krylov", 0)).steps
    evaluate_network(known["hessian-top-eigenvalue"], [shared], known["hessian-top-eigenvalue"].card.settings({}))
    assert shared.memo.get(("krylov", 0)).steps == before
    assert gauss_newton_traces(shared) is shared.memo.get("gauss-newton traces")


def test_a_layer_put_back_moves_the_answers_as_by_hand() -> None:
    (a, x, y), (b, _, _) = trained_mlp(0), trained_mlp(1)
    found = measure("layer-reset-init")(a, b, x, y)
    hybrid = copy.deepcopy(a)
    hybrid.get_submodule("classifier").load_state_dict(b.get_submodule("classifier").state_dict())
    with torch.no_grad():
        expected = float((hybrid(x).argmax(1) != a(x).argmax(1)).double().mean())
    bars = dict(zip(found.series["layer"], found.series["value"], strict=True))
    assert bars["classifier"] == pytest.approx(expected)
    random = measure("layer-reset-random")(a, x, y, draws=3, between="js-divergence")
    assert random.monte_carlo_error is not None
    assert set(random.series["layer"]) == set(bars)


def test_the_empirical_norm_is_its_formula_with_the_depth_beside_it() -> None:
    module, x, y = trained_mlp()
    z = module(x).detach()
    gap = (z.softmax(1) * z).sum(1) - z[torch.arange(64), y]
    found = measure("fisher-rao-norm-empirical")(module, x, y)
    assert found.notes["depth"] == 3
    assert found.value == pytest.approx(3 * float(gap.square().mean().sqrt()))


@pytest.mark.parametrize("slug", ["hessian-top-eigenvalue", "hessian-trace", "gauss-newton-trace", "gradient-norm"])
def test_one_sample_frozen_weights_and_dropout_are_no_obstacle(slug: str) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.ReLU(), nn.Linear(6, 3)).double().train()
    module[0].weight.requires_grad_(False)
    x, y = torch.randn(30, 4, dtype=torch.float64), torch.zeros(30, dtype=torch.long)
    assert math.isfinite(measure(slug)(module, x[:1], y[:1]).value)
    one, two = (measure(slug)(module, x, y).value for _ in range(2))
    assert one == two
    assert module.training
    assert not module[0].weight.requires_grad


class Hungry(nn.Module):
    """Says that memory ran out whenever more than a few samples come at once."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.out, self.most = nn.Linear(4, 3), most

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")
        return self.out(x)


def test_smaller_passes_are_tried_when_memory_runs_out_and_then_there_is_a_reason() -> None:
    torch.manual_seed(0)
    module = Hungry(20).double()
    x, y = torch.randn(40, 4, dtype=torch.float64), torch.randint(0, 3, (40,))
    whole = copy.deepcopy(module)
    whole.most = 1000
    # Groups of the interval are smaller than what fits, so only whole passes are cut.
    for slug in ("train-loss", "fisher-rao-norm", "hessian-top-eigenvalue"):
        assert measure(slug)(module, x, y).value == pytest.approx(measure(slug)(whole, x, y).value, rel=1e-9)
    module.most = 2
    with pytest.raises(Unprocessable, match="not enough memory"):
        measure("train-loss")(module, x, y)


def test_passes_are_sized_by_what_a_sample_leaves_behind() -> None:
    from kinscape.worker.inputs.passes import samples_per_pass

    module = nn.Sequential(nn.Linear(10, 1000), nn.ReLU(), nn.Linear(1000, 3))
    x = torch.randn(50, 10)
    left = 4 * (1000 + 1000 + 3)
    assert samples_per_pass(module, x, room_bytes=60 * left) == 10
    assert samples_per_pass(module, x, room_bytes=1) == 1
    assert not any(m._forward_hooks for m in module.modules())


@pytest.mark.parametrize("seed", range(6))
def test_layers_are_not_reset_to_the_weights_that_training_began_with(seed: int) -> None:
    """People train from torch.manual_seed of small numbers; a draw from the same seed is no draw."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(10, 30), nn.ReLU(), nn.Linear(30, 4))
    x, y = torch.randn(60, 10), torch.randint(0, 4, (60,))
    found = measure("layer-reset-random")(network, x, y, draws=5)
    # No draw of five leaves a layer as it is: disagreement of unlike layers is far from 0.
    assert min(found.series["value"]) > 0.2
    for question in range(3):
        for draw in range(5):
            drawn = untrained(network, seed_of("layer-reset-random", question, draw))
            assert not torch.equal(drawn[0].weight, network[0].weight)


def test_no_seed_of_a_draw_is_one_that_people_train_with() -> None:
    seeds = {seed_of(about, a, b) for about in ("a", "b") for a in range(10) for b in range(10)}
    assert len(seeds) == 200
    assert min(seeds) >= 1 << 61
