"""Fully connected network."""

from torch import Tensor, nn

from kinscape.backend.contracts.checkpoints import Accepts
from kinscape.worker.loading.architectures.architecture import CLASSES, Architecture, Arguments, Shapes, argument


class MLP(nn.Module):
    """Flattened input, ``depth`` hidden ReLU layers of equal width, one linear output."""

    def __init__(self, *, inputs: int, classes: int, width: int, depth: int) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Flatten()]
        for size in [inputs] + [width] * (depth - 1):
            parts += [nn.Linear(size, width), nn.ReLU()]
        self.features = nn.Sequential(*parts)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, classes)``."""
        out: Tensor = self.classifier(self.features(x))
        return out


def propose(shapes: Shapes) -> list[Arguments]:
    """Arguments from tensor shapes."""
    hidden = sorted(n for n in shapes if n.startswith("features.") and n.endswith(".weight"))
    first, last = shapes.get("features.1.weight", ()), shapes.get("classifier.weight", ())
    if len(first) != 2 or len(last) != 2:
        return []
    return [{"inputs": first[1], "classes": last[0], "width": first[0], "depth": len(hidden)}]


ARCHITECTURE = Architecture(
    name="mlp",
    summary="Fully connected ReLU network.",
    arguments=(
        argument("inputs", 64, "Values per sample.", high=1_000_000),
        CLASSES,
        argument("width", 128, "Units per hidden layer.", high=65_536),
        argument("depth", 2, "Hidden layers.", high=64),
    ),
    build=MLP,
    penultimate=lambda a: f"features.{2 * a['depth']}",
    accepts=lambda a: Accepts(inputs=a["inputs"]),
    propose=propose,
)
