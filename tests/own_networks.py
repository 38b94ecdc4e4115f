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


class InPlace(Perceptron):
    """It changes the samples that it is given."""

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, classes)``."""
        x -= 0.5
        return super().forward(x.mul_(2))


def changes_samples() -> InPlace:
    """It changes the samples that it is given."""
    return InPlace(12, 10, "relu")


class HeadFirst(nn.Module):
    """Its head is registered first, a second one that runs in training only last."""

    def __init__(self) -> None:
        super().__init__()
        self.top = nn.Linear(20, 10)
        self.bottom = nn.Linear(64, 20)
        self.auxiliary = nn.Linear(20, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, 10)``."""
        hidden = torch.tanh(self.bottom(x.flatten(1)))
        out: Tensor = self.top(hidden)
        return out + self.auxiliary(hidden) if self.training else out


def head_first() -> HeadFirst:
    """Its head is registered first."""
    return HeadFirst()


class Tokens(nn.Module):
    """A language model of the owner's."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.unembed = nn.Embedding(30, 8), nn.Linear(8, 30)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits ``(samples, positions, 30)``."""
        out: Tensor = self.unembed(self.embed(ids).cumsum(1))
        return out


def reads_tokens() -> Tokens:
    """A language model."""
    return Tokens()


class Mapping(Perceptron):
    """It returns a dictionary."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        """Logits under a name."""
        return {"logits": super().forward(x)}


def returns_a_dictionary() -> Mapping:
    """It returns a dictionary."""
    return Mapping(12, 10, "relu")
