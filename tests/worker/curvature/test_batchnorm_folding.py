"""Norm layers that go into the convolution before them leave the network the same function."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kinscape import build
from kinscape.worker.curvature.batchnorm_folding import folded
from kinscape.worker.curvature.gauss_newton import gauss_newton_forms
from kinscape.worker.curvature.hessian_products import hessian_product
from kinscape.worker.inputs.subject import Subject
from tests.worker.networks import explicit_hessian


class Reused(nn.Module):
    """What the convolution returns goes on beside its norm layer, through a gain that starts at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3)
        self.gain = nn.Parameter(torch.zeros(()))
        self.out = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = torch.relu(self.norm(x) + self.gain * x)
        found: Tensor = self.out(x.mean((2, 3)))
        return found


def ended(*parts: nn.Module) -> nn.Module:
    return nn.Sequential(*parts, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(3))


def twice() -> nn.Module:
    norm = nn.BatchNorm2d(3)
    return ended(nn.Conv2d(1, 3, 3), norm, nn.ReLU(), nn.Conv2d(3, 3, 1), norm)


KINDS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "plain": (lambda: ended(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3)), 1),
    "no bias, stride, groups": (
        lambda: ended(
            nn.Conv2d(1, 4, 3, stride=2, bias=False),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 4, 2, groups=2, padding=1),
            nn.BatchNorm2d(4, eps=0.1),
        ),
        2,
    ),
    "residual": (lambda: build("resnet-cifar", depth=8, width=3, classes=3, channels=1), 7),
    "norm before": (lambda: ended(nn.BatchNorm2d(1), nn.Conv2d(1, 3, 3)), 0),
    "something between": (lambda: ended(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.BatchNorm2d(3)), 0),
    "norm used twice": (twice, 0),
    "answer used twice": (Reused, 0),
    "without gain": (lambda: ended(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3, affine=False)), 0),
    "without statistics": (lambda: ended(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3, track_running_stats=False)), 0),
    "weight norm": (lambda: ended(nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 3, 3)), nn.BatchNorm2d(3)), 0),
}


def subject_of(make: Callable[[], nn.Module], dtype: torch.dtype = torch.float64) -> Subject:
    torch.manual_seed(0)
    module = make().to(dtype).train()
    x = torch.randn(24, 1, 6, 6, dtype=dtype)
    for _ in range(3):
        module(1 + 2 * x)
    return Subject(module.eval(), x, torch.randint(0, 3, (24,)))


@pytest.mark.parametrize("kind", KINDS)
def test_only_norm_layers_right_behind_a_convolution_are_folded(kind: str) -> None:
    make, count = KINDS[kind]
    subject = subject_of(make)
    logits = folded(subject)(subject.weights, subject.x)
    assert torch.allclose(logits, subject.logits(subject.weights, subject.x), rtol=1e-9, atol=1e-12)
    found = subject.memo.get("folded")
    assert (0 if found is None else len(found.norms)) == count


@pytest.mark.parametrize("kind", ["plain", "no bias, stride, groups", "residual", "answer used twice"])
def test_second_derivatives_of_the_folded_network_are_those_of_the_network(kind: str) -> None:
    subject = subject_of(KINDS[kind][0])
    size = sum(w.numel() for w in subject.weights.values())
    vector = torch.randn(size, dtype=torch.float64)
    product = hessian_product(subject)(vector)
    if size < 500:
        assert torch.allclose(product, explicit_hessian(subject.module, subject.x, subject.y) @ vector, rtol=1e-8)
    plain = subject_of(KINDS[kind][0])
    plain.memo.put("folded", None)
    assert torch.allclose(product, hessian_product(plain)(vector), rtol=1e-8, atol=1e-12)
    assert torch.allclose(gauss_newton_forms(subject, vector), gauss_newton_forms(plain, vector), rtol=1e-8)


def test_a_network_is_as_it_was_after_it_was_folded() -> None:
    subject = subject_of(KINDS["residual"][0], torch.float32)
    before = {n: t.clone() for n, t in subject.module.state_dict().items()}
    names = [n for n, _ in subject.module.named_modules()]
    hessian_product(subject)(torch.ones(sum(w.numel() for w in subject.weights.values())))
    assert subject.memo.get("folded") is not None
    assert [n for n, _ in subject.module.named_modules()] == names
    assert all(torch.equal(t, before[n]) for n, t in subject.module.state_dict().items())
    assert not any(m._forward_hooks for m in subject.module.modules())
