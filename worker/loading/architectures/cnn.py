"""A small convolutional network with BatchNorm."""

from torch import Tensor, nn

from kinscape.backend.contracts.checkpoints import Accepts
from kinscape.worker.loading.architectures.architecture import (
    CHANNELS,
    CLASSES,
    Architecture,
    Arguments,
    Shapes,
    argument,
    side,
)


class CNN(nn.Module):
    """Three blocks of 3×3 convolution, BatchNorm, ReLU; global average; one linear output."""

    def __init__(self, *, classes: int, channels: int, width: int) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        before = channels
        for step, size in enumerate((width, 2 * width, 4 * width)):
            parts += [nn.Conv2d(before, size, 3, padding=1, bias=False), nn.BatchNorm2d(size), nn.ReLU()]
            if step < 2:
                parts.append(nn.MaxPool2d(2))
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
    if not (width and channels and classes) or len(shapes["features.0.weight"]) != 4:
        return []
    return [{"classes": classes, "channels": channels, "width": width}]


ARCHITECTURE = Architecture(
    name="cnn",
    summary="Three convolutions with BatchNorm and a global average; any image of 4×4 or more.",
    arguments=(CLASSES, CHANNELS, argument("width", 16, "Channels of the first convolution.", high=1024)),
    build=CNN,
    penultimate=lambda _: "features.12",
    accepts=lambda a: Accepts(channels=a["channels"], least_side=4),
    propose=propose,
)
