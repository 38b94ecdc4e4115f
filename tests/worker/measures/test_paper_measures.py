"""Measures of learning, hardness, membership and collapse: each against its definition written out."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from kinscape import build, measure
from kinscape.worker.curvature.tangent_kernel import jacobian_rank, tangent_kernel
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.catalogue import catalogue


def draws(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def answers() -> Outputs:
    logits, labels = 2 * draws(300, 5, seed=1), torch.arange(300) % 5
    logits[torch.arange(300), labels] += 1
    return Outputs(logits, labels)


def found(slug: str, *given: Any, **settings: Any) -> float:
    """A measure on what it is given, without intervals."""
    one = catalogue()[slug]
    asked = one.card.settings(settings)
    value = one.compute(*(one.prepare(part, **asked) for part in given), **asked)
    return float(getattr(value, "value", value))


def test_calibration_after_scaling_is_calibration_at_the_best_temperature(answers: Outputs) -> None:
    best = float(measure("temperature")(answers.logits, labels=answers.labels).value)
    cooled = answers.logits / best
    assert best > 1.5
    for slug in ("ece", "nll"):
        scaled = found(f"{slug}-temperature-scaled", answers)
        assert scaled == pytest.approx(float(measure(slug)(cooled, labels=answers.labels).value), rel=1e-6)
        assert scaled < float(measure(slug)(answers.logits, labels=answers.labels).value)
    losses = [float(nn.functional.cross_entropy(answers.logits / t, answers.labels)) for t in np.linspace(0.5, 8, 400)]
    assert found("nll-temperature-scaled", answers) <= min(losses) + 1e-9


def test_hard_samples_are_those_far_from_their_label(answers: Outputs) -> None:
    p = np.exp(answers.logits.numpy()) / np.exp(answers.logits.numpy()).sum(1, keepdims=True)
    lengths = np.linalg.norm(p - np.eye(5)[answers.labels], axis=1)
    assert found("el2n", answers) == pytest.approx(lengths.mean())
    other = Outputs(answers.logits + draws(300, 5, seed=2), answers.labels)
    q = np.exp(other.logits.numpy()) / np.exp(other.logits.numpy()).sum(1, keepdims=True)
    others = np.linalg.norm(q - np.eye(5)[answers.labels], axis=1)
    hardest = [set(np.argsort(-values)[:60]) for values in (lengths, others)]
    shared = len(hardest[0] & hardest[1]) / 60
    assert found("hardest-overlap", answers, other, share=0.2) == pytest.approx(shared)
    strangers = (
        Outputs(draws(3000, 5, seed=3), torch.arange(3000) % 5),
        Outputs(draws(3000, 5, seed=4), torch.arange(3000) % 5),
    )
    assert found("hardest-overlap", *strangers) == pytest.approx(0.25, abs=0.05)


def test_membership_is_the_area_under_the_curve_of_the_loss(answers: Outputs) -> None:
    train, held = answers.rows(torch.arange(180)), answers.rows(torch.arange(180, 300))
    sharper = Outputs(train.logits + 2 * nn.functional.one_hot(train.labels, 5), train.labels)
    losses = [-o.log_probabilities.gather(1, o.labels[:, None])[:, 0].numpy() for o in (sharper, held)]
    truth = roc_auc_score([1] * 180 + [0] * 120, -np.concatenate(losses))
    assert found("membership-auc", sharper, held) == pytest.approx(truth)
    assert truth > 0.6
    assert found("membership-auc", held, held) == pytest.approx(0.5)


def collapsed(classes: int, width: int, *, noise: float) -> Layer:
    """Class means at the corners of a simplex, and a classifier that meets them."""
    corners = torch.eye(classes, width, dtype=torch.float64)
    labels = torch.arange(40 * classes) % classes
    features = 3 * corners[labels] + noise * draws(len(labels), width, seed=5) + 1
    head = corners - corners.mean(0)
    return Layer(features, labels, None, features @ head.T, head)


def test_collapse_is_uniform_at_a_simplex_and_not_away_from_it() -> None:
    simplex = collapsed(6, 9, noise=0)
    assert found("gnc2", simplex) == pytest.approx(0, abs=1e-7)
    assert found("unc3", simplex) == pytest.approx(0, abs=1e-7)
    rough = collapsed(6, 9, noise=4)
    means = np.stack([rough.features[rough.labels == c].mean(0).numpy() for c in range(6)])
    means -= means.mean(0)
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    kernel = [-math.log(np.linalg.norm(unit[i] - unit[j])) for i in range(6) for j in range(i)]
    assert found("gnc2", rough) == pytest.approx(np.std(kernel) / abs(np.mean(kernel)))
    head = rough.head.numpy()
    cosines = [head[c] @ means[c] / np.linalg.norm(head[c]) / np.linalg.norm(means[c]) for c in range(6)]
    assert found("unc3", rough) == pytest.approx(np.std(cosines) / abs(np.mean(cosines)))
    with pytest.raises(Undefined, match="three are needed"):
        found("gnc2", collapsed(2, 4, noise=1))


def test_the_last_layer_and_its_name() -> None:
    model = build("lenet", classes=10)
    one = catalogue()["last-layer-l2-norm"]
    result = one.compute(one.prepare(model.state_dict()))
    name = result.notes["layer"]
    assert result.value == pytest.approx(float(model.state_dict()[f"{name}.weight"].norm()), rel=1e-6)
    assert name == [n for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]


def test_one_frequency_participates_alone_and_a_spike_in_all() -> None:
    wave = torch.cos(2 * math.pi * 3 * torch.arange(16) / 16).double()
    spike = torch.zeros(16, dtype=torch.float64)
    spike[0] = 1
    assert found("fourier-ipr", {"a.weight": torch.stack([wave, 2 * wave])}) == pytest.approx(1)
    power = np.abs(np.fft.rfft(spike.numpy()))[1:] ** 2
    flat = (power**2).sum() / power.sum() ** 2
    assert found("fourier-ipr", {"a.weight": spike[None]}) == pytest.approx(flat)
    both = {"a.weight": torch.cat([wave, spike])[None]}
    assert found("fourier-ipr", both, parts=2) == pytest.approx((1 + flat) / 2)
    assert found("fourier-ipr", {"e.weight": wave[:, None].expand(16, 3)}, inputs="rows") == pytest.approx(1)
    with pytest.raises(Undefined, match="not 3 times"):
        found("fourier-ipr", both, parts=3)
    with pytest.raises(Undefined, match="constant"):
        found("fourier-ipr", {"a.weight": torch.ones(3, 8)})


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).double().eval()


def subject(module: nn.Module, count: int = 30) -> Subject:
    return Subject(module, draws(count, 1, 2, 3, seed=7), torch.arange(count) % 3, groups=row_groups(count))


def jacobian(given: Subject) -> Tensor:
    """``(samples, classes, weights)``, one backward pass at a time."""
    parameters = list(given.module.parameters())
    rows = []
    for x in given.x:
        logits = given.module(x[None])[0]
        rows.append(
            torch.stack(
                [
                    torch.cat([g.flatten() for g in torch.autograd.grad(z, parameters, retain_graph=True)])
                    for z in logits
                ]
            )
        )
    return torch.stack(rows)


def test_the_tangent_kernel_is_that_of_the_explicit_jacobian() -> None:
    given, other = subject(network()), subject(network(1))
    kernels = [torch.einsum("icw,jcw->ij", j, j) / 3 for j in (jacobian(given), jacobian(other))]
    assert torch.allclose(tangent_kernel(given, 30), kernels[0])
    cosine = float((kernels[0] * kernels[1]).sum() / kernels[0].norm() / kernels[1].norm())
    compared = measure("tangent-kernel-similarity")
    result = compared(network(), network(1), given.x, given.y, samples=30)
    assert result.value == pytest.approx(cosine)
    assert result.low < cosine < result.high
    centred = [k - k.mean(0) - k.mean(1)[:, None] + k.mean() for k in kernels]
    centred_cosine = float((centred[0] * centred[1]).sum() / centred[0].norm() / centred[1].norm())
    result = compared(network(), network(1), given.x, given.y, samples=30, centring="centred")
    assert result.value == pytest.approx(centred_cosine)
    truth = nn.functional.one_hot(given.y).double()
    wanted = truth @ truth.T
    wanted = wanted - wanted.mean(0) - wanted.mean(1)[:, None] + wanted.mean()
    expected = float((centred[0] * wanted).sum() / centred[0].norm() / wanted.norm())
    result = measure("tangent-kernel-label-alignment")(network(), given.x, given.y, samples=30)
    assert result.value == pytest.approx(expected)


def test_the_functional_dimension_counts_what_symmetry_leaves() -> None:
    given = subject(network(), 60)
    whole = jacobian(given).flatten(0, 1)
    rank, largest = jacobian_rank(given, 60)
    assert rank == int(torch.linalg.matrix_rank(whole, rtol=1e-9))
    weights = sum(p.numel() for p in given.module.parameters())
    assert largest == weights
    # Each hidden unit can be scaled without changing the function.
    assert rank <= weights - 5
    linear = nn.Sequential(nn.Flatten(), nn.Linear(6, 3, bias=False)).double().eval()
    assert jacobian_rank(subject(linear, 60), 60) == (18, 18)
    assert jacobian_rank(subject(linear, 60), 4) == (12, 12)


def test_grand_is_the_mean_length_of_gradients_of_single_samples() -> None:
    for module in (network(), build("lenet", classes=3).double().eval()):
        shape = (12, 1, 8, 8) if len(list(module.parameters())) > 4 else (12, 1, 2, 3)
        x, y = draws(*shape, seed=9), torch.arange(12) % 3
        lengths = []
        for sample, label in zip(x, y, strict=True):
            loss = nn.functional.cross_entropy(module(sample[None]), label[None])
            gradients = torch.autograd.grad(loss, list(module.parameters()))
            lengths.append(math.sqrt(sum(float(g.square().sum()) for g in gradients)))
        result = measure("grand")(module, x, y)
        assert result.value == pytest.approx(np.mean(lengths), rel=1e-6)
