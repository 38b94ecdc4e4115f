"""Calibration and robustness against closed forms, slow references and independent libraries."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn.calibration import calibration_curve
from torch import Tensor, nn

from kinscape import build, measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.robustness.corruptions import CORRUPTIONS, corrupted
from kinscape.worker.robustness.samples import raw_samples
from tests.worker.networks import trained_mlp

N, C = 400, 4


def answers(seed: int = 0, *, scale: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(N, C))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return logits, np.array([rng.choice(C, p=row) for row in p])


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def gaps(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> tuple[np.ndarray, np.ndarray]:
    edges = np.linspace(0, 1, bins + 1)
    shares, found = [], []
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            shares.append(inside.mean())
            found.append(right[inside].mean() - confidence[inside].mean())
    return np.array(shares), np.array(found)


def test_binned_errors_are_their_definitions() -> None:
    z, y = answers()
    p = softmax(z)
    confidence, right = p.max(1), (p.argmax(1) == y).astype(float)
    shares, gap = gaps(confidence, right)
    assert measure("ece")(z, y).value == pytest.approx((shares * abs(gap)).sum())
    assert measure("rmsce")(z, y).value == pytest.approx(np.sqrt((shares * gap**2).sum()))
    assert measure("mce")(z, y).value == pytest.approx(abs(gap).max())
    by_class = []
    for c in range(C):
        shares, gap = gaps(p[:, c], (y == c).astype(float))
        by_class.append((shares * abs(gap)).sum())
    assert measure("ece-classwise")(z, y).value == pytest.approx(np.mean(by_class))
    order = confidence.argsort(kind="stable")
    parts = np.array_split(order, 15)
    expected = sum(len(i) / N * abs(right[i].mean() - confidence[i].mean()) for i in parts)
    assert measure("ece-adaptive")(z, y).value == pytest.approx(expected)
    assert measure("brier")(z, y).value == pytest.approx(((p - np.eye(C)[y]) ** 2).sum(1).mean())


def test_the_reliability_diagram_is_scikit_learns() -> None:
    z, y = answers()
    p = softmax(z)
    accuracy, confidence = calibration_curve(p.argmax(1) == y, p.max(1), n_bins=15)
    found = measure("ece")(z, y).series
    used = [k for k, n in enumerate(found["samples"]) if n]
    assert [found["accuracy"][k] for k in used] == pytest.approx(list(accuracy))
    assert [found["confidence"][k] for k in used] == pytest.approx(list(confidence))
    assert sum(found["samples"]) == N
    k = used[-1]
    n = int(found["samples"][k])
    wilson = stats.binomtest(round(found["accuracy"][k] * n), n).proportion_ci(method="wilson")
    assert (found["low"][k], found["high"][k]) == pytest.approx((wilson.low, wilson.high))


def test_certain_answers_share_the_last_bin_with_nearly_certain_ones() -> None:
    # Five answers of confidence 1.0 (four right) and five of 0.95 (all right): one bin, accuracy 0.9 at 0.975.
    z = np.log(np.array([[1.0, 1e-300]] * 5 + [[0.95, 0.05]] * 5))
    y = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    assert measure("ece")(z, y).value == pytest.approx(0.075)
    assert measure("ece")(z, y).series["samples"][-1] == 10


def test_a_calibrated_model_scores_what_the_null_says_and_nothing_once_debiased() -> None:
    plain, debiased, null = [], [], []
    for seed in range(40):
        z, y = answers(seed)
        found = measure("ece")(z, y, intervals=False)
        plain.append(found.value)
        null.append(found.notes["calibrated_mean"])
        debiased.append(measure("ece-debiased")(z, y, intervals=False).value)
    assert np.mean(plain) == pytest.approx(np.mean(null), abs=0.004)
    assert np.mean(plain) > 0.03
    assert abs(np.mean(debiased)) < 0.01
    overconfident = [
        (measure("ece")(4 * z, y, intervals=False).value, measure("ece-debiased")(4 * z, y, intervals=False).value)
        for z, y in (answers(seed) for seed in range(5))
    ]
    assert all(b > 0.8 * a > 0.08 for a, b in overconfident), "a real error stays"


def test_the_smooth_error_is_its_integral_at_its_own_bandwidth() -> None:
    z, y = answers(3, scale=3.0)
    z = 2 * z
    p = softmax(z)
    f, r = p.max(1), (p.argmax(1) == y).astype(float)

    def error(width: float) -> float:
        t = np.linspace(0, 1, 3001)
        total = np.zeros_like(t)
        for k in range(-3, 4):
            for place in (f + 2 * k, 2 * k - f):
                total += (stats.norm.pdf(t[:, None], place[None], width) * (r - f)).mean(1)
        return float(np.trapezoid(abs(total), t))

    expected = optimize.brentq(lambda w: error(w) - w, 1e-3, 1)
    assert measure("ece-smooth")(z, y).value == pytest.approx(expected, abs=1e-3)


def test_the_best_temperature_is_the_minimum_of_the_loss() -> None:
    z, y = answers()
    z = 2.5 * z

    def loss(log_t: float) -> float:
        return -float(np.log(softmax(z / np.exp(log_t))[np.arange(N), y]).mean())

    expected = float(np.exp(optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
    found = measure("temperature")(z, y)
    assert found.value == pytest.approx(expected, rel=1e-4)
    assert found.low < 2.5 < found.high
    assert found.notes["ece_after"] < found.notes["ece_before"]
    with pytest.raises(Unprocessable, match="no temperature is best"):
        measure("temperature")(1e-3 * np.eye(C)[y] + np.array([0.0, 0.0, 0.0, 1e-6]), y)


def test_the_generalisation_gap_is_held_out_minus_train() -> None:
    (a, ya), (b, yb) = answers(0), answers(1, scale=1.0)
    wrong = [float((softmax(z).argmax(1) != y).mean()) for z, y in ((a, ya), (b, yb))]
    found = measure("generalisation-gap")(a, ya, b, yb)
    assert found.value == pytest.approx(wrong[1] - wrong[0])
    spread = np.sqrt(sum(w * (1 - w) / N for w in wrong))
    assert (found.high - found.low) / 2 == pytest.approx(2.09 * spread, rel=0.5)


def image_network() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    module = build("lenet", classes=3).eval()
    x = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return module, x, module(x).argmax(1)


def test_corruptions_are_the_same_bits_every_time_and_stay_in_range() -> None:
    _, x, _ = image_network()
    for name in CORRUPTIONS:
        for severity in (1, 5):
            one = corrupted(x, name, severity, seed=3)
            torch.rand(5)
            assert torch.equal(one, corrupted(x, name, severity, seed=3)), name
            assert one.shape == x.shape
            assert float(one.min()) >= 0
            assert float(one.max()) <= 1
            assert not torch.equal(one, x)
    noise = [corrupted(x, "gaussian noise", 3, seed=s) for s in (0, 1)]
    assert not torch.equal(*noise)


def test_corruptions_grow_with_their_severity() -> None:
    _, x, _ = image_network()
    for name in CORRUPTIONS:
        if name in ("pixelation", "translation"):
            continue  # how far these lie from a noise image depends on how they fall on its pixels
        changes = [float((corrupted(x, name, s, seed=0) - x).square().mean()) for s in range(1, 6)]
        assert changes == sorted(changes), name


def test_corruption_accuracy_is_the_mean_of_its_table() -> None:
    module, x, y = image_network()
    y[::5] = (y[::5] + 1) % 3
    found = measure("corruption-accuracy")(module, x, y)
    assert len(found.series["accuracy"]) == 50
    assert found.value == pytest.approx(np.mean(found.series["accuracy"]))
    one = measure("corruption-accuracy")(module, x, y, corruption="gaussian-noise")
    assert one.series["accuracy"] == found.series["accuracy"][:5]
    changed = corrupted(x, "gaussian noise", 2, seed=0)
    with torch.no_grad():
        expected = float((module(changed).argmax(1) == y).double().mean())
    assert one.series["accuracy"][1] == pytest.approx(expected)
    assert found.notes["clean_accuracy"] == pytest.approx(0.8)
    assert found.low < found.value < found.high


def test_corruptions_work_on_the_scale_before_normalisation() -> None:
    module, x, y = image_network()
    mean, std = torch.full((1, 1, 1, 1), 0.4), torch.full((1, 1, 1, 1), 0.25)
    raw = raw_samples(Subject(module, (x - mean) / std, y, scale=(mean, std)))
    assert torch.allclose(raw.values, x, atol=1e-6)
    assert (raw.low, raw.high) == (0, 1)
    assert torch.allclose(raw.normalised(raw.values), (x - mean) / std, atol=1e-5)


def test_attacks_stay_near_raise_the_loss_and_follow_their_formula() -> None:
    module, x, y = trained_mlp()
    y = module(x).argmax(1)
    leaf = x.clone().requires_grad_()
    slope = torch.autograd.grad(nn.functional.cross_entropy(module(leaf), y, reduction="sum"), leaf)[0]
    span = float(x.max() - x.min())
    moved = (x + 0.05 * span * slope.sign()).clamp(float(x.min()), float(x.max()))
    with torch.no_grad():
        expected = float((module(moved).argmax(1) == y).double().mean())
    one = measure("fgsm-accuracy")(module, x, y, epsilon=0.05)
    assert one.value == pytest.approx(expected)
    many = measure("pgd-accuracy")(module, x, y, epsilon=0.05, steps=20)
    assert many.value <= one.value + 0.05
    assert measure("pgd-accuracy")(module, x, y, epsilon=0.0).value == 1
    assert measure("noise-accuracy")(module, x, y, sigma=0.0).value == 1


def test_samples_that_cannot_be_changed_a_little_have_a_reason() -> None:
    module, x, y = trained_mlp()
    with pytest.raises(Unprocessable, match="Corruptions are of images"):
        measure("corruption-accuracy")(module, x, y)
    with pytest.raises(Unprocessable, match="no scale for a change"):
        measure("noise-accuracy")(module, torch.ones_like(x), y)

    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.out = nn.Embedding(9, 4), nn.Linear(4, 3)

        def forward(self, tokens: Tensor) -> Tensor:
            return self.out(self.table(tokens).mean(1))

    tokens = torch.randint(0, 9, (20, 5))
    with pytest.raises(Unprocessable, match="tokens"):
        measure("fgsm-accuracy")(Tokens(), tokens, torch.zeros(20, dtype=torch.long))

    class Rounded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(6, 3)

        def forward(self, values: Tensor) -> Tensor:
            return self.out(values.detach().round())

    with pytest.raises(Unprocessable, match="No gradient reaches the samples"):
        measure("fgsm-accuracy")(Rounded().double(), x, y)
