"""Networks of an owner, as the server under test is given them."""

from typing import Literal

import torch
from torch import Tensor, nn


class Perceptron(nn.Module):
    """Two layers, an activation that leaves no trace in a file, and a flattening that no module does."""

    def __init__(self, width: int, classes: int, activation: str) -> None:
        super().__init__()
        self.entry, self.exit = nn.Linear(64, width), nn.Linear(width, classes)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, classes)``."""
        hidden = self.entry(x.flatten(1))
        out: Tensor = self.exit(torch.tanh(hidden) if self.activation == "tanh" else hidden.relu())
        return out


class Residual(nn.Module):
    """Layers that add, under a name that no architecture of the registry has."""

    def __init__(self, width: int, depth: int, *, norm: bool, dropout: float) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.steps = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(depth if norm else 0))
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, 10)``."""
        x = self.stem(x)
        for k, step in enumerate(self.steps):
            inner = step(x)
            x = x + (self.norms[k](inner) if len(self.norms) else inner).relu()
        out: Tensor = self.out(self.dropout(x.mean((2, 3))))
        return out


def two_layers(width: int = 12, classes: int = 10, activation: Literal["relu", "tanh"] = "relu") -> Perceptron:
    """Two linear layers of the owner."""
    return Perceptron(width, classes, activation)


def adding_layers(width: int = 4, depth: int = 2, *, norm: bool = True, dropout: float = 0.1) -> Residual:
    """Convolutions that add."""
    return Residual(width, depth, norm=norm, dropout=dropout)


def _not_offered() -> nn.Module:
    return nn.Identity()


def helper(text: str) -> str:
    """What returns no network is not offered."""
    return text


class Fixed(nn.Module):
    """It takes images of eight by eight, and raises at others."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.last = nn.Linear(72, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, 10)``."""
        out: Tensor = self.last(self.conv(x).flatten(1))
        return out


def of_fixed_size() -> Fixed:
    """It takes images of eight by eight."""
    return Fixed()
