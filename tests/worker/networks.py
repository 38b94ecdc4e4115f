"""Small networks of every kind, and their explicit Hessians."""

import torch
from torch import Tensor, nn

from kinscape import build
from kinscape.worker.inputs.subject import exact_attention


def explicit_hessian(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Row by row by double backward."""
    weights = list(module.parameters())
    with exact_attention():
        loss = nn.functional.cross_entropy(module(x), y)
    grads = torch.autograd.grad(loss, weights, create_graph=True)
    flat = torch.cat([g.reshape(-1) for g in grads])
    rows = [torch.autograd.grad(g, weights, retain_graph=True, materialize_grads=True) for g in flat]
    return torch.stack([torch.cat([r.reshape(-1) for r in row]) for row in rows])


class Tied(nn.Module):
    """The same matrix twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6)
        self.out = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.relu(self.inner(torch.relu(self.inner(x.flatten(1))))))


def norm_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.GELU(), nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, 3)
    )


def small_networks() -> dict[str, tuple[nn.Module, tuple[int, ...], bool]]:
    torch.manual_seed(0)
    bn = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3, 3))
    bn(torch.randn(50, 1, 4, 4))
    vit = build("vit-small", classes=3, channels=1, side=4, patch=2, width=8, depth=1, heads=2)
    return {
        "mlp": (build("mlp", inputs=6, classes=3, width=5, depth=2), (6,), True),
        "batch-norm": (bn, (1, 4, 4), True),
        "attention": (vit, (1, 4, 4), False),
        "group-norm": (norm_net(), (1, 4, 4), False),
        "tied": (Tied(), (6,), False),
    }


def trained_mlp(seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(seed)
    module = build("mlp", inputs=6, classes=3, width=8, depth=2).double().eval()
    rng = torch.Generator().manual_seed(3)
    x = torch.randn(64, 6, generator=rng, dtype=torch.float64)
    return module, x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
