"""A small vision transformer."""

import torch
from torch import Tensor, nn

from kinscape.backend.contracts.checkpoints import Accepts
from kinscape.worker.loading.architectures.architecture import (
    CLASSES,
    COLOURS,
    Architecture,
    Arguments,
    Shapes,
    argument,
    side,
)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Mixed tokens ``(samples, tokens, width)``."""
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(n, tokens, width))
        return out


class EncoderLayer(nn.Module):
    """Attention and a two-layer GELU network, each after LayerNorm, with shortcuts."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Tokens ``(samples, tokens, width)``."""
        x = x + self.attention(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class Pool(nn.Module):
    """Mean over tokens."""

    def forward(self, x: Tensor) -> Tensor:
        """One vector per sample."""
        return x.mean(1)


class ViTSmall(nn.Module):
    """Patches, learned positions, pre-norm layers, mean over tokens, one linear output."""

    def __init__(
        self, *, classes: int, channels: int, side: int, patch: int, width: int, depth: int, heads: int
    ) -> None:
        super().__init__()
        if side % patch or width % heads:
            raise ValueError(f"patch must divide side ({side}/{patch}) and heads the width ({width}/{heads})")
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.positions = nn.Parameter(torch.zeros(1, (side // patch) ** 2, width))
        nn.init.normal_(self.positions, std=0.02)
        self.layers = nn.Sequential(*[EncoderLayer(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.pool = Pool()
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, classes)``."""
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        out: Tensor = self.classifier(self.pool(self.norm(self.layers(tokens))))
        return out


# Most usual first; more than 16 are for wider networks than this one is meant for.
HEADS = (4, 8, 2, 6, 3, 12, 16, 1)


def propose(shapes: Shapes) -> list[Arguments]:
    """Arguments from tensor shapes; the number of heads leaves no trace in them: each that divides the width."""
    first, positions = shapes.get("patches.weight", ()), shapes.get("positions", ())
    classes = side(shapes, "classifier.weight", 0)
    if len(first) != 4 or len(positions) != 3 or not classes:
        return []
    depth = len([n for n in shapes if n.endswith(".attention.qkv.weight")])
    settings = {
        "classes": classes,
        "channels": first[1],
        "patch": first[2],
        "width": first[0],
        "depth": depth,
        "side": round(positions[1] ** 0.5) * first[2],
    }
    return [{**settings, "heads": heads} for heads in HEADS if first[0] % heads == 0]


ARCHITECTURE = Architecture(
    name="vit-small",
    summary="Pre-norm vision transformer with learned positions and a mean over tokens.",
    arguments=(
        CLASSES,
        COLOURS,
        argument("side", 32, "Side of the square image."),
        argument("patch", 4, "Side of a patch.", high=256),
        argument("width", 64, "Width of a token.", high=2048),
        argument("depth", 4, "Layers.", high=48),
        argument("heads", 4, "Attention heads.", high=64),
    ),
    build=ViTSmall,
    penultimate=lambda _: "pool",
    accepts=lambda a: Accepts(channels=a["channels"], side=a["side"]),
    propose=propose,
)
