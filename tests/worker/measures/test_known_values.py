"""Numbers against closed forms, slow references and independent libraries."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import jensenshannon, pdist
from sklearn.metrics import cohen_kappa_score, log_loss
from torch import Tensor, nn

from kinscape import build, measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.curvature.gauss_newton import gauss_newton_traces
from kinscape.worker.curvature.piecewise_linear import is_piecewise_linear
from kinscape.worker.inputs.subject import Subject
from tests.worker.networks import explicit_hessian, small_networks, trained_mlp

RNG = np.random.default_rng(0)
N, C = 120, 5


def logits(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N, C)) * 2


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


LABELS = np.random.default_rng(5).integers(0, C, N)


def test_disagreement_counts_different_classes() -> None:
    a, b = logits(1), logits(2)
    assert measure("disagreement")(a, b).value == pytest.approx((a.argmax(1) != b.argmax(1)).mean())


def test_js_divergence_is_scipys_distance_squared() -> None:
    p, q = softmax(logits(1)), softmax(logits(2))
    expected = np.mean([jensenshannon(x, y) ** 2 for x, y in zip(p, q, strict=True)])
    assert measure("js-divergence")(logits(1), logits(2)).value == pytest.approx(expected, abs=1e-12)


def test_opposite_certain_answers_are_ln_2_and_root_2_apart() -> None:
    a, b = np.array([[900.0, 0.0]] * 8), np.array([[0.0, 900.0]] * 8)
    assert measure("js-divergence")(a, b).value == pytest.approx(np.log(2))
    assert measure("activation-distance")(a, b).value == pytest.approx(2**0.5)
    assert measure("prediction-cosine")(a, b).value == pytest.approx(0, abs=1e-12)


def test_error_consistency_is_scikit_learns_kappa_of_being_right() -> None:
    a, b = logits(1), logits(2)
    expected = cohen_kappa_score(a.argmax(1) == LABELS, b.argmax(1) == LABELS)
    assert measure("error-consistency")(a, b, labels=LABELS).value == pytest.approx(expected)


def test_probabilities_give_what_their_logits_give() -> None:
    for slug in ("js-divergence", "activation-distance", "disagreement"):
        by_logits = measure(slug)(logits(1), logits(2)).value
        by_probabilities = measure(slug)(softmax(logits(1)), softmax(logits(2)), outputs="probabilities").value
        assert by_probabilities == pytest.approx(by_logits, abs=1e-12)


def hsic_u(k: np.ndarray, m: np.ndarray) -> float:
    """Song et al. 2012, equation 5, written out."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    one = np.ones(n)
    last = 2 / (n - 2) * one @ k @ m @ one
    return float((np.trace(k @ m) + one @ k @ one * (one @ m @ one) / ((n - 1) * (n - 2)) - last) / (n * (n - 3)))


@pytest.mark.parametrize(("widths", "mean"), [((7, 7), 0.0), ((3, 40), 0.0), ((20, 20), 100.0)])
def test_unbiased_linear_cka_is_its_definition(widths: tuple[int, int], mean: float) -> None:
    base = RNG.normal(size=(60, 40))
    x, y = (base[:, :w] + 0.5 * RNG.normal(size=(60, w)) + mean for w in widths)
    k, m = ((z - z.mean(0)) @ (z - z.mean(0)).T for z in (x, y))
    expected = hsic_u(k, m) / np.sqrt(hsic_u(k, k) * hsic_u(m, m))
    assert measure("linear-cka")(x, y).value == pytest.approx(expected, abs=1e-10)
    assert measure("linear-cka")(x.astype(np.float32), y.astype(np.float32)).value == pytest.approx(expected, abs=1e-4)


def test_biased_cka_is_the_published_formula() -> None:
    x, y = RNG.normal(size=(50, 6)), RNG.normal(size=(50, 9))
    a, b = x - x.mean(0), y - y.mean(0)
    expected = np.linalg.norm(b.T @ a) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    assert measure("linear-cka-biased")(x, y).value == pytest.approx(expected)


def test_independent_features_score_zero_unbiased_and_041_biased() -> None:
    unbiased, biased = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(100, 64)), rng.normal(size=(100, 64))
        unbiased.append(measure("linear-cka")(x, y, intervals=False).value)
        biased.append(measure("linear-cka-biased")(x, y, intervals=False).value)
    assert abs(np.mean(unbiased)) < 4 * np.std(unbiased) / 30**0.5
    # For Gaussians E[biased] is close to D / (D + N) = 64 / 164 at equal widths.
    assert np.mean(biased) == pytest.approx(64 / 164, abs=0.03)


def test_procrustes_is_what_is_left_after_scipys_best_rotation() -> None:
    x, y = RNG.normal(size=(40, 6)), RNG.normal(size=(40, 6))
    a, b = ((z - z.mean(0)) / np.linalg.norm(z - z.mean(0)) for z in (x, y))
    rotation, _ = orthogonal_procrustes(a, b)
    assert measure("procrustes")(x, y).value == pytest.approx(np.linalg.norm(a @ rotation - b) ** 2)


def test_rsa_is_scipys_spearman_of_correlation_distances() -> None:
    x, y = RNG.normal(size=(40, 6)), RNG.normal(size=(40, 11))
    expected = stats.spearmanr(pdist(x, "correlation"), pdist(y, "correlation")).statistic
    assert measure("rsa")(x, y).value == pytest.approx(expected, abs=1e-6)
    other = stats.pearsonr(pdist(x), pdist(y)).statistic
    assert measure("rsa")(x, y, inner="euclidean", outer="pearson").value == pytest.approx(other)


def test_knn_jaccard_is_counted_by_hand() -> None:
    def neighbours(z: np.ndarray, k: int) -> list[set[int]]:
        unit = z / np.linalg.norm(z, axis=1, keepdims=True)
        cosine = unit @ unit.T
        np.fill_diagonal(cosine, -np.inf)
        return [set(np.argsort(-row, kind="stable")[:k].tolist()) for row in cosine]

    x, y = RNG.normal(size=(30, 4)), RNG.normal(size=(30, 4))
    both = zip(neighbours(x, 5), neighbours(y, 5), strict=True)
    expected = np.mean([len(a & b) / len(a | b) for a, b in both])
    assert measure("knn-jaccard")(x, y, k=5).value == pytest.approx(expected)


def test_calibration_numbers_are_their_definitions() -> None:
    z = logits(3)
    p = softmax(z)
    assert measure("nll")(z, LABELS).value == pytest.approx(log_loss(LABELS, p, labels=range(C)))
    assert measure("accuracy")(z, LABELS).value == pytest.approx((p.argmax(1) == LABELS).mean())
    confidence, right = p.max(1), p.argmax(1) == LABELS
    expected = 0.0
    for i in range(15):
        rows = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        if rows.any():
            expected += rows.mean() * abs(right[rows].mean() - confidence[rows].mean())
    assert measure("ece")(z, LABELS).value == pytest.approx(expected)


def test_confidence_of_exactly_one_belongs_to_the_last_bin() -> None:
    certain = np.array([[1000.0, 0.0]] * 10)
    assert measure("ece")(certain, np.array([0] * 7 + [1] * 3)).value == pytest.approx(0.3)


@pytest.mark.parametrize("kind", list(small_networks()))
def test_trace_and_top_eigenvalue_are_those_of_the_explicit_hessian(kind: str) -> None:
    module, shape, is_exact = small_networks()[kind]
    module = module.double().eval()
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(24, *shape, generator=rng, dtype=torch.float64)
    y = torch.randint(0, 3, (24,), generator=rng)
    hessian = explicit_hessian(module, x, y)
    top = measure("hessian-top-eigenvalue")(module, x, y, tolerance=1e-8, steps=400)
    assert top.value == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]), rel=1e-6)
    trace = measure("hessian-trace")(module, x, y, probes=40)
    whole = measure("hessian-trace")(module, x, y, probes=10000)
    assert whole.monte_carlo_error is None
    assert whole.value == pytest.approx(float(hessian.trace()), rel=1e-6)
    assert is_piecewise_linear(Subject(module, x, y)) is is_exact
    if is_exact:
        assert trace.monte_carlo_error is None
        assert trace.value == pytest.approx(float(hessian.trace()), rel=1e-9)
    else:
        assert trace.monte_carlo_error is not None
        assert abs(trace.value - float(hessian.trace())) < 5 * trace.monte_carlo_error


def test_gauss_newton_traces_are_those_of_the_explicit_jacobian() -> None:
    for module, shape, _ in small_networks().values():
        module = module.double().eval()
        x = torch.randn(5, *shape, dtype=torch.float64)
        weights = list(module.parameters())
        expected = []
        for row in x:
            out = module(row[None])[0]
            rows = [torch.autograd.grad(z, weights, retain_graph=True, materialize_grads=True) for z in out]
            jacobian = torch.stack([torch.cat([g.reshape(-1) for g in r]) for r in rows])
            p = out.softmax(0).detach()
            expected.append(torch.trace((torch.diag(p) - torch.outer(p, p)) @ jacobian @ jacobian.T))
        found = gauss_newton_traces(Subject(module, x, torch.zeros(5, dtype=torch.long)))
        assert torch.allclose(found.samples, torch.stack(expected), rtol=1e-9)


class Free(nn.Module):
    """Uses its layers as no rule expects: in place, and one weight once more behind the layer's back."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.out = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu_(self.inner(x))
        hidden = torch.relu(nn.functional.linear(hidden, self.inner.weight))
        return self.out(hidden).mul_(0.5)


def test_networks_that_work_in_place_or_behind_a_layers_back_have_the_right_trace() -> None:
    torch.manual_seed(0)
    module = Free().double()
    x, y = torch.randn(20, 6, dtype=torch.float64), torch.randint(0, 3, (20,))
    right = float(explicit_hessian(module, x, y).trace())
    found = measure("hessian-trace")(module, x, y, probes=40)
    assert found.monte_carlo_error is not None
    assert abs(found.value - right) < 5 * found.monte_carlo_error
    assert measure("hessian-trace")(module, x, y, probes=500).value == pytest.approx(right)
    with pytest.raises(Unprocessable, match="does not end in a linear layer"):
        measure("relative-flatness")(module, x, y)


def test_norms_that_mix_the_samples_of_a_batch_are_not_called_exact() -> None:
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.InstanceNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3))
    assert not is_piecewise_linear(Subject(module.eval(), torch.randn(4, 1, 4, 4), torch.zeros(4).long()))


def test_fisher_rao_norm_and_relative_flatness_are_their_definitions() -> None:
    module, x, y = trained_mlp()
    weights = list(module.parameters())
    theta = torch.cat([w.detach().reshape(-1) for w in weights])
    total, flatness = 0.0, 0.0
    w = module.get_parameter("classifier.weight").detach()
    for row in x:
        out = module(row[None])[0]
        p = out.softmax(0).detach()
        rows = [torch.autograd.grad(z, weights, retain_graph=True) for z in out]
        slope = torch.stack([torch.cat([g.reshape(-1) for g in r]) for r in rows]) @ theta
        total += float(p @ slope**2 - (p @ slope) ** 2)
        phi = module.get_submodule("features")(row[None])[0].detach()
        for s in range(3):
            for t in range(3):
                block = (p[s] * (s == t) - p[s] * p[t]) * torch.outer(phi, phi)
                flatness += float(w[s] @ w[t] * torch.trace(block))
    assert measure("fisher-rao-norm")(module, x, y).value == pytest.approx((total / 64) ** 0.5)
    assert measure("relative-flatness")(module, x, y).value == pytest.approx(flatness / 64)


def test_sam_sharpness_is_one_step_uphill() -> None:
    module, x, y = trained_mlp()
    weights = list(module.parameters())
    before = nn.functional.cross_entropy(module(x), y)
    grads = torch.autograd.grad(before, weights)
    length = torch.cat([g.reshape(-1) for g in grads]).norm()
    moved = {n: p + 0.05 * g / length for (n, p), g in zip(module.named_parameters(), grads, strict=True)}
    after = nn.functional.cross_entropy(torch.func.functional_call(module, moved, (x,)), y).detach()
    before = before.detach()
    found = measure("sam-sharpness")(module, x, y)
    assert found.value == pytest.approx(float(after - before))
    assert found.notes["gradient_norm"] == pytest.approx(float(length))


def test_the_random_step_sharpness_has_the_expectation_that_its_card_gives() -> None:
    module, x, y = trained_mlp()
    found = measure("sam-sharpness-random-mean")(module, x, y, rho=1e-5, draws=4000)
    assert found.monte_carlo_error is not None
    assert abs(found.value - float(found.notes["expected_from_gradient"])) < 4 * found.monte_carlo_error


def test_loss_barrier_is_the_highest_rise_on_the_line() -> None:
    (a, x, y), (b, _, _) = trained_mlp(0), trained_mlp(1)
    curve = []
    for share in np.linspace(0, 1, 25):
        mixed = {n: (1 - share) * p + share * dict(b.named_parameters())[n] for n, p in a.named_parameters()}
        with torch.no_grad():
            curve.append(float(nn.functional.cross_entropy(torch.func.functional_call(a, mixed, (x,)), y)))
    line = np.linspace(curve[0], curve[-1], 25)
    assert measure("loss-barrier")(a, b, x, y).value == pytest.approx((np.array(curve) - line).max())


def test_different_architectures_have_no_barrier_but_a_reason() -> None:
    a, x, y = trained_mlp()
    b = build("mlp", inputs=6, classes=3, width=9, depth=2).double()
    with pytest.raises(Unprocessable, match="different architectures"):
        measure("loss-barrier")(a, b, x, y)


def test_weight_cosine_leaves_running_statistics_out() -> None:
    a, b = build("cnn", classes=3).state_dict(), build("cnn", classes=3).state_dict()
    names = [n for n in a if "running" not in n and "num_batches" not in n]
    x, y = (torch.cat([s[n].flatten() for n in names]) for s in (a, b))
    assert measure("weight-cosine")(a, b).value == pytest.approx(float(x @ y / x.norm() / y.norm()), abs=1e-6)


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        ((np.ones((20, 3)), RNG.normal(size=(20, 3))), {}, "constant over the probe set"),
        ((RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))), {}, "at least 4 samples"),
        ((RNG.normal(size=(20, 3)), RNG.normal(size=(21, 3))), {}, "the same samples"),
        ((np.zeros((20, 0)), RNG.normal(size=(20, 3))), {}, "must be .samples, width"),
        ((RNG.normal(size=(20, 3)).astype(complex), RNG.normal(size=(20, 3))), {}, "Complex"),
        ((RNG.normal(size=(20, 3)), RNG.normal(size=(20, 3))), {"k": 3}, "no parameter"),
    ],
)
def test_input_that_cannot_be_compared_is_a_sentence(data: tuple, options: dict, sentence: str) -> None:
    with pytest.raises(Unprocessable, match=sentence):
        measure("linear-cka")(*data, **options)


def test_too_many_neighbours_are_a_sentence() -> None:
    with pytest.raises(Unprocessable, match="need more than 10 samples"):
        measure("knn-jaccard")(RNG.normal(size=(10, 3)), RNG.normal(size=(10, 3)))


def test_few_samples_are_a_warning_on_the_cell() -> None:
    found = measure("linear-cka-biased")(RNG.normal(size=(50, 64)), RNG.normal(size=(50, 64)))
    assert "biased values will look alike" in found.warning


def test_zero_events_have_the_rule_of_three() -> None:
    found = measure("disagreement")(logits(1), logits(1))
    assert (found.value, found.low, found.high) == (0.0, 0.0, pytest.approx(3 / N))


@pytest.mark.parametrize("slug", ["accuracy", "disagreement", "activation-distance"])
def test_intervals_cover_the_truth_as_often_as_they_say(slug: str) -> None:
    rng = np.random.default_rng(1)
    hits = []
    many = 20000

    def sample(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        base = rng.normal(size=(n, 3)) * 2
        labels = (base + rng.gumbel(size=(n, 3))).argmax(1)
        return base + rng.normal(size=(n, 3)), base + rng.normal(size=(n, 3)), labels

    def number(a: np.ndarray, b: np.ndarray, y: np.ndarray):
        return measure(slug)(a, y) if slug == "accuracy" else measure(slug)(a, b)

    truth = number(*sample(many)).value
    for _ in range(150):
        found = number(*sample(200))
        assert found.low is not None
        assert found.high is not None
        hits.append(found.low <= truth <= found.high)
    assert 0.88 <= np.mean(hits) <= 0.995
