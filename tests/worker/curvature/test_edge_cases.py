"""What is hard for measures of networks: little, broken, noisy, saturated, or asked in another order."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kinscape import build, measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.curvature.hessian_products import hessian_product
from kinscape.worker.curvature.lanczos import Krylov, PlainOperator
from kinscape.worker.curvature.vectors import start_vector
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.evaluation.networks import evaluate_network
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.catalogue import catalogue
from tests.worker.networks import explicit_hessian, trained_mlp


def number(slug: str, subject: Subject, **settings: object) -> object:
    """A measure asked of a subject that may remember others."""
    found = catalogue()[slug]
    return evaluate_network(found, [subject], found.card.settings(settings))


@pytest.mark.parametrize("slug", ["hessian-density", "hessian-top-eigenvalue", "loss-surface-2d", "layer-traces"])
def test_tiny_and_flat_networks_have_a_number_or_a_reason(slug: str) -> None:
    torch.manual_seed(0)
    small, flat = nn.Linear(1, 2).double(), nn.Linear(4, 3).double()
    with torch.no_grad():
        for p in flat.parameters():
            p.zero_()
    for module, width in ((small, 1), (flat, 4)):
        for samples in (1, 5):
            x = torch.randn(samples, width, dtype=torch.float64)
            try:
                found = measure(slug)(module, x, torch.zeros(samples, dtype=torch.long))
            except Unprocessable:
                continue
            assert math.isfinite(found.value)


@pytest.mark.parametrize("slug", ["loss-slice-1d", "loss-surface-2d", "hessian-top-eigenvalue"])
def test_what_was_asked_before_changes_nothing(slug: str) -> None:
    module, x, y = trained_mlp()
    settings = {} if slug.startswith("hessian") else {"direction": "eigenvectors", "points": 5}
    alone = number(slug, Subject(module, x, y, groups=row_groups(64)), **settings)
    after = Subject(module, x, y, groups=row_groups(64))
    number("hessian-density", after)
    again = number(slug, after, **settings)
    assert again.value == alone.value
    assert again.series == alone.series


def test_a_run_that_lacks_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x, y = trained_mlp()
    size = sum(p.numel() for p in module.parameters())
    monkeypatch.setattr("kinscape.worker.curvature.lanczos.MOST_BYTES", 6 * 8 * size)
    found = measure("hessian-top-eigenvalue")(module, x, y, k=3, tolerance=1e-8)
    assert "for want of memory after 6 products" in found.warning
    subject = Subject(module, x, y)
    run = Krylov(PlainOperator(hessian_product(subject), start_vector(subject, 0)), size)
    run.grow(50)
    assert run.steps == 6


def test_tiny_curvature_is_found_all_the_same() -> None:
    module, x, _ = trained_mlp()
    with torch.no_grad():
        module.get_parameter("classifier.weight").mul_(120)
    y = module(x).argmax(1)
    right = float(torch.linalg.eigvalsh(explicit_hessian(module, x, y))[-1])
    found = measure("hessian-top-eigenvalue")(module, x, y, intervals=False)
    assert found.value == pytest.approx(right, rel=1e-2)


def test_confident_networks_are_attacked_like_unsure_ones() -> None:
    module, x, _ = trained_mlp()
    module, x = module.float(), x.float()
    y = module(x).argmax(1)
    before = [measure(s)(module, x, y, epsilon=0.1).value for s in ("fgsm-accuracy", "pgd-accuracy")]
    with torch.no_grad():
        module.get_parameter("classifier.weight").mul_(1000)
        module.get_parameter("classifier.bias").mul_(1000)
    after = [measure(s)(module, x, y, epsilon=0.1).value for s in ("fgsm-accuracy", "pgd-accuracy")]
    assert after == pytest.approx(before, abs=0.05)
    assert before[0] < 0.9


def test_networks_that_draw_noise_are_refused_and_random_numbers_stay_where_they_were() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.dropout(self.out(x), 0.5)

    _, x, y = trained_mlp()
    before = torch.get_rng_state()
    with pytest.raises(Unprocessable, match="differently each time"):
        measure("train-loss")(Noisy().double(), x, y)
    module, _, _ = trained_mlp()
    before = torch.get_rng_state()
    measure("layer-reset-random")(module, x, y)
    measure("noise-accuracy")(module, x, y)
    assert torch.equal(before, torch.get_rng_state())


def test_whole_numbers_among_the_parameters_are_left_alone() -> None:
    class Indexed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.order = nn.Parameter(torch.arange(6), requires_grad=False)
            self.out = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(x[:, self.order])

    module = Indexed().double()
    module.order.data = module.order.data.long()
    _, x, y = trained_mlp()
    assert math.isfinite(measure("gauss-newton-trace")(module, x, y).value)
    assert not any(m._forward_hooks for m in module.modules())


def test_encoder_layers_of_torch_have_curvature() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
            self.out = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.inner(x[:, None, :]).mean(1))

    torch.manual_seed(0)
    module = Encoder().double().eval()
    _, x, y = trained_mlp()
    x, y = x[:12], y[:12]
    for slug in ("fisher-rao-norm", "gauss-newton-top-eigenvalue"):
        assert math.isfinite(measure(slug)(module, x, y).value)
    found = measure("hessian-trace")(module, x, y, probes=10000)
    assert found.value == pytest.approx(float(explicit_hessian(module, x, y).trace()), rel=1e-6)


def test_networks_that_read_samples_differently_have_nothing_between_them() -> None:
    module, x, y = trained_mlp()
    other = Subject(module, 2 * x, y)
    found = catalogue()["loss-barrier"]
    cell = evaluate_network(found, [Subject(module, x, y), other], found.card.settings({}))
    assert "read the samples differently" in cell.sentence


def test_intervals_of_traces_hold_the_part_that_is_estimated() -> None:
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 3)).double()
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(4)
    found = []
    for _ in range(40):
        x = torch.randn(60, 6, generator=rng, dtype=torch.float64)
        found.append(measure("hessian-trace")(module, x, torch.randint(0, 3, (60,), generator=rng), probes=10))
    middle = np.mean([f.value for f in found])
    assert np.mean([f.low <= middle <= f.high for f in found]) > 0.8


def test_weights_that_are_not_finite_are_a_sentence_and_modules_leave_buffers_out() -> None:
    for slug in ("alpha", "stable-rank", "log-norm"):
        for bad in (math.nan, math.inf):
            weight = torch.randn(30, 30)
            weight[3, 4] = bad
            with pytest.raises(Unprocessable, match="NaN or infinite"):
                measure(slug)({"a.weight": weight})
    module = nn.Linear(40, 40)
    module.register_buffer("mask", torch.ones(64, 64))
    assert measure("l2-norm")(module).value == pytest.approx(float(module.weight.detach().norm()))
    assert measure("effective-rank")({"a.weight": torch.outer(torch.randn(300), torch.randn(300))}).value == (
        pytest.approx(1, abs=1e-6)
    )


def test_a_few_train_samples_widen_the_gap_of_generalisation() -> None:
    rng = np.random.default_rng(0)
    halves = []
    for count in (4, 10, 1000):
        logits = rng.normal(size=(count, 3))
        held = rng.normal(size=(1000, 3))
        # Every second answer is right, in both sets.
        labels = [(z.argmax(1) + np.arange(len(z)) % 2) % 3 for z in (logits, held)]
        found = measure("generalisation-gap")(logits, labels[0], held, labels[1])
        halves.append((found.high - found.low) / 2)
    assert halves[0] > halves[1] > halves[2]


def test_layers_are_reset_on_a_single_sample_and_large_networks_are_pruned() -> None:
    module, x, y = trained_mlp()
    assert math.isfinite(measure("layer-reset-random")(module, x[:1], y[:1]).value)
    curve = measure("prune-curve")({"a.weight": torch.randn(16_777_219 // 4096 + 1, 4096)})
    assert curve.series["sparsity"][-1] == 1


def test_images_a_hair_below_zero_can_be_corrupted() -> None:
    torch.manual_seed(0)
    module = build("lenet", classes=3).eval()
    x = torch.rand(20, 1, 8, 8) - 1e-6
    assert math.isfinite(measure("corruption-accuracy")(module, x, torch.zeros(20, dtype=torch.long)).value)


def test_logits_without_a_difference_have_no_temperature() -> None:
    with pytest.raises(Unprocessable, match="same logit"):
        measure("temperature")(np.zeros((40, 3)), np.arange(40) % 3)
