"""LeNet-5 with ReLU and max pooling, for images of at least 8×8."""

from torch import Tensor, nn

from kinscape.backend.contracts.checkpoints import Accepts
from kinscape.worker.loading.architectures.architecture import CHANNELS, CLASSES, Architecture, Arguments, Shapes, side


class LeNet(nn.Module):
    """Two padded 5×5 convolutions with pooling, then three linear layers."""

    def __init__(self, *, classes: int, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5, padding=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(64, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, classes)``."""
        out: Tensor = self.classifier(self.features(x))
        return out


def propose(shapes: Shapes) -> list[Arguments]:
    """Arguments from tensor shapes."""
    channels, classes = side(shapes, "features.0.weight", 1), side(shapes, "classifier.4.weight", 0)
    return [{"classes": classes, "channels": channels}] if channels and classes else []


ARCHITECTURE = Architecture(
    name="lenet",
    summary="LeNet-5 with ReLU, max pooling and a 2×2 average at the end; any image of 8×8 or more.",
    arguments=(CLASSES, CHANNELS),
    build=LeNet,
    penultimate=lambda _: "classifier.3",
    accepts=lambda a: Accepts(channels=a["channels"], least_side=8),
    propose=propose,
)
