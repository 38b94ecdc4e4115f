"""VGG-11 with BatchNorm for small images."""

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

# Widths of the convolutions in units of the first; 0 is a pooling layer.
PLAN = (1, 0, 2, 0, 4, 4, 0, 8, 8, 0, 8, 8)


class VGGCifar(nn.Module):
    """Eight 3×3 convolutions with BatchNorm; a pool wherever the plan says so and the map allows."""

    def __init__(self, *, classes: int, channels: int, width: int) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        before = channels
        for factor in PLAN:
            if factor == 0:
                parts.append(nn.MaxPool2d(2, ceil_mode=True))
                continue
            size = factor * width
            parts += [nn.Conv2d(before, size, 3, padding=1, bias=False), nn.BatchNorm2d(size), nn.ReLU()]
            before = size
        self.features = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, classes)``."""
        out: Tensor = self.classifier(self.features(x))
        return out


def propose(shapes: Shapes) -> list[Arguments]:
    """Arguments from tensor shapes."""
    width, channels = side(shapes, "features.0.weight", 0), side(shapes, "features.0.weight", 1)
    classes = side(shapes, "classifier.weight", 0)
    if not (width and channels and classes) or "features.25.weight" not in shapes:
        return []
    return [{"classes": classes, "channels": channels, "width": width}]


ARCHITECTURE = Architecture(
    name="vgg-cifar",
    summary="VGG-11 with BatchNorm, a global average and one linear layer, for small images.",
    arguments=(CLASSES, COLOURS, argument("width", 64, "Channels of the first convolution.", high=512)),
    build=VGGCifar,
    penultimate=lambda _: "features.29",
    accepts=lambda a: Accepts(channels=a["channels"], least_side=8),
    propose=propose,
)
