"""Numbers of weights against closed forms and slow references."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from kinscape import build, measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.catalogue import catalogue
from kinscape.worker.spectra.eigenvalues import _eigenvalues, _eigenvalues_on_card
from kinscape.worker.spectra.layers import every_matrix
from kinscape.worker.spectra.power_law import fit_power_law
from kinscape.worker.spectra.pruning import safe_share


def state(seed: int = 0) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    heavy = torch.randn(60, 90, generator=rng) * torch.rand(60, 1, generator=rng).pow(-0.7)
    return {
        "first.weight": torch.randn(40, 64, generator=rng),
        "first.bias": torch.randn(40, generator=rng),
        "kernel.weight": torch.randn(12, 8, 3, 3, generator=rng),
        "heavy.weight": heavy,
    }


def slow_power_law(values: np.ndarray) -> tuple[float, float]:
    best = (math.inf, math.nan, math.nan)
    for start in range(len(values) - 1):
        tail = values[start:]
        alpha = 1 + len(tail) / np.log(tail / tail[0]).sum()
        law = 1 - (tail / tail[0]) ** (1 - alpha)
        distance = np.abs(law - np.arange(len(tail)) / len(tail)).max()
        if distance < best[0]:
            best = (distance, alpha, tail[0])
    return best[1], best[2]


def test_the_power_law_is_the_best_of_every_tail() -> None:
    for seed in range(5):
        values = np.sort(np.random.default_rng(seed).pareto(1.5, 300) + 1)
        found = fit_power_law(torch.from_numpy(values))
        assert found is not None
        assert (found.alpha, found.start) == pytest.approx(slow_power_law(values), rel=1e-10)
    many = np.sort(np.random.default_rng(9).pareto(1.5, 5000) + 1)
    assert fit_power_law(torch.from_numpy(many)).alpha == pytest.approx(2.5, abs=0.2)


def test_ties_and_small_steps_do_not_change_the_best_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.from_numpy(np.sort(np.random.default_rng(1).integers(1, 9, 60).astype(float)))
    whole = fit_power_law(values)
    assert whole is not None
    monkeypatch.setattr("kinscape.worker.spectra.power_law.ENTRIES_AT_ONCE", 180)  # three tails at a time
    assert fit_power_law(values) == whole
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_power_law(torch.tensor([1.0] * 30 + [2.0] * 5, dtype=torch.float64)) is not None


@pytest.mark.parametrize("shape", [(1, 7, 3), (1, 3, 7), (9, 20, 31), (9, 31, 20), (2, 1, 1)])
def test_spectra_are_the_same_on_processor_and_card(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(_eigenvalues(matrices), _eigenvalues_on_card(matrices), rtol=1e-10, atol=1e-12)


def test_spectral_metrics_are_their_definitions_layer_by_layer() -> None:
    found = state()
    spectra = {
        "first": np.linalg.svd(found["first.weight"].double().numpy(), compute_uv=False) ** 2,
        "kernel": np.concatenate(
            [
                np.linalg.svd(found["kernel.weight"][:, :, i, j].double().numpy(), compute_uv=False) ** 2
                for i in range(3)
                for j in range(3)
            ]
        ),
        "heavy": np.linalg.svd(found["heavy.weight"].double().numpy(), compute_uv=False) ** 2,
    }
    expected = {
        "alpha": lambda e: slow_power_law(np.sort(e))[0],
        "alpha-weighted": lambda e: slow_power_law(np.sort(e))[0] * np.log10(e.max()),
        "log-alpha-norm": lambda e: np.log10((e ** slow_power_law(np.sort(e))[0]).sum()),
        "log-norm": lambda e: np.log10(e.sum()),
        "log-spectral-norm": lambda e: np.log10(e.max()),
        "stable-rank": lambda e: e.sum() / e.max(),
        "spectral-entropy": lambda e: stats.entropy(e) / np.log(len(e)),
        "effective-rank": lambda e: np.exp(stats.entropy(np.sqrt(e))),
    }
    for slug, number in expected.items():
        cell = measure(slug)(found)
        each = {name: float(number(e)) for name, e in spectra.items()}
        assert dict(zip(cell.series["layer"], cell.series["value"], strict=True)) == pytest.approx(each, rel=1e-8), slug
        assert cell.value == pytest.approx(np.mean(list(each.values())), rel=1e-8)


def test_random_matrices_have_no_eigenvalue_outside_the_bulk_and_a_spike_does() -> None:
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(400, 1000, generator=rng)
    assert measure("mp-softrank")({"w": noise}).value == pytest.approx(1, abs=0.03)
    spike = 3 * torch.outer(torch.randn(400, generator=rng), torch.randn(1000, generator=rng))
    assert measure("mp-softrank")({"w": noise + spike}).value < 0.01


def test_kurtosis_is_scipys_of_pooled_weights_and_of_layers() -> None:
    found = state()
    matrices = [w.double().flatten().numpy() for n, w in found.items() if n.endswith("weight")]
    pooled = stats.kurtosis(np.concatenate(matrices), fisher=False)
    assert measure("kurtosis")(found).value == pytest.approx(pooled)
    each = [stats.kurtosis(m, fisher=False) for m in matrices]
    assert measure("kurtosis-of-kurtoses")(found).value == pytest.approx(stats.kurtosis(each, fisher=False))
    with pytest.raises(Unprocessable, match="three tensors"):
        measure("kurtosis-of-kurtoses")({"a": matrices[0].reshape(40, 64), "b": matrices[2].reshape(60, 90)})


def test_the_prune_curve_is_the_cosine_of_really_pruned_weights() -> None:
    found = state()
    whole = torch.cat([w.flatten() for n, w in found.items() if n.endswith("weight")]).double()
    curve = measure("prune-curve")(found)
    order = whole.abs().argsort()
    for place in (0, 50, 120, 190):
        share = float(curve.series["sparsity"][place])
        pruned = whole.clone()
        pruned[order[: round(share * len(whole))]] = 0
        cosine = float(pruned @ whole / pruned.norm() / whole.norm())
        assert curve.series["cosine"][place] == pytest.approx(cosine, rel=1e-9)
    best = measure("prune-optimum")(found)
    distance = (1 - best.value) ** 2 + (1 - best.notes["cosine"]) ** 2
    points = zip(curve.series["sparsity"], curve.series["cosine"], strict=True)
    assert distance <= min((1 - s) ** 2 + (1 - c) ** 2 for s, c in points) + 1e-12


@pytest.mark.parametrize(
    ("spread", "divisor"),
    [(1.5, 1.0), (2.49, math.log2(2.49)), (2.8, math.log(2.8)), (20.0, math.log(20)), (1.0, 1.0)],
)
def test_the_safe_prune_is_the_papers(spread: float, divisor: float) -> None:
    """Published for LeNet5 on MNIST: an optimum of 83 % and a K2 of 2.49 make 63 %."""
    matrices = {n: w.double() for n, w in state().items() if w.ndim > 1}
    optimum = measure("prune-optimum")(matrices).value
    assert safe_share(matrices, spread=spread) == pytest.approx(optimum / divisor)


@pytest.mark.parametrize("over", ["matrices", "all tensors"])
def test_the_safe_prune_takes_its_divisor_from_the_kurtosis_of_kurtoses(over: str) -> None:
    generator = torch.Generator().manual_seed(4)
    many = {f"l{k}.weight": torch.randn(20, 20, generator=generator) for k in range(30)}
    many |= {f"l{k}.bias": torch.randn(20, generator=generator) ** 3 for k in range(30)}
    many["heavy.weight"] = state()["heavy.weight"] ** 3
    spread = measure("kurtosis-of-kurtoses")(many, over=over).value
    assert spread > math.e
    expected = measure("prune-optimum")(many).value / math.log(spread)
    assert measure("prune-safe")(many, over=over).value == pytest.approx(expected)


def test_all_tensors_have_another_kurtosis_of_kurtoses_than_matrices() -> None:
    torch.manual_seed(0)
    weights = {f"{k}.{n}": t for k in range(4) for n, t in nn.Linear(30, 20).state_dict().items()}
    each = [stats.kurtosis(t.double().numpy().ravel(), fisher=False) for t in weights.values()]
    found = measure("kurtosis-of-kurtoses")(weights, over="all tensors")
    assert found.value == pytest.approx(stats.kurtosis(each, fisher=False))
    assert len(found.series["layer"]) == 8


def test_the_distance_from_the_initial_weights_is_relative_to_them() -> None:
    a, b = build("mlp", inputs=4, classes=3).state_dict(), build("mlp", inputs=4, classes=3).state_dict()
    x, y = (torch.cat([s[n].double().flatten() for n in sorted(a)]) for s in (a, b))
    cell = measure("distance-from-init")(a, b)
    assert cell.value == pytest.approx(float((x - y).norm() / x.norm()))
    assert cell.series["layer"] == tuple(n.removesuffix(".weight") for n in sorted(a))


@pytest.mark.parametrize(
    "slug",
    [
        "alpha",
        "stable-rank",
        "effective-rank",
        "spectral-entropy",
        "log-norm",
        "kurtosis",
        "prune-curve",
    ],
)
def test_weights_that_are_all_zero_have_a_reason(slug: str) -> None:
    with pytest.raises(Unprocessable):
        measure(slug)({"w": torch.zeros(30, 30)})


def test_small_layers_have_no_exponent_and_it_is_said() -> None:
    found = {**state(), "small.weight": torch.randn(10, 5)}
    cell = measure("alpha")(found)
    assert dict(zip(cell.series["layer"], cell.series["value"], strict=True))["small"] is None
    assert "1 of 4 matrices" in cell.warning
    with pytest.raises(Unprocessable, match="None of the matrices"):
        measure("alpha")({"small.weight": torch.randn(10, 5)})


def test_accuracy_after_pruning_is_that_of_a_copy_made_by_hand() -> None:
    torch.manual_seed(8)
    net = torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.ReLU(), torch.nn.Linear(12, 3))
    x = torch.randn(240, 6)
    y = net(x).argmax(1)
    subject = Subject(net, x, y, groups=row_groups(240))
    one = catalogue()["prune-accuracy"]

    def by_hand(share: float) -> float:
        flat = torch.cat([net[0].weight.flatten(), net[2].weight.flatten()]).detach().abs()
        limit = flat.sort().values[round(share * len(flat)) - 1] if share else -1.0
        copy = [torch.where(layer.weight.abs() > limit, layer.weight, 0.0) for layer in (net[0], net[2])]
        logits = torch.relu(x @ copy[0].T + net[0].bias) @ copy[1].T + net[2].bias
        return float((logits.argmax(1) == y).float().mean())

    best = float(catalogue()["prune-optimum"].compute(every_matrix(subject.weights)).value)
    found = one.compute(subject, share=0.0)
    assert found.notes["share"] == best
    assert found.value == pytest.approx(by_hand(best))
    assert one.compute(subject, share=0.7).value == pytest.approx(by_hand(0.7))
    assert found.series["accuracy"][0] == 1.0 == found.notes["unpruned_accuracy"]
    assert found.series["accuracy"] == pytest.approx([by_hand(s) for s in found.series["sparsity"]])
    assert one.compute(subject, share=1.0).value == pytest.approx(by_hand(1.0))
