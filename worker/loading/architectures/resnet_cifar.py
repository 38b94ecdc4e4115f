"""ResNet for small images, as in the CIFAR experiments of the original paper."""

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


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut: padded with zero channels, without weights."""

    def __init__(self, before: int, size: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, size, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(size)
        self.conv2 = nn.Conv2d(size, size, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(size)
        self.relu = nn.ReLU()
        self.stride, self.extra = stride, size - before

    def forward(self, x: Tensor) -> Tensor:
        """The block's output map."""
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.extra or self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
            x = nn.functional.pad(x, (0, 0, 0, 0, self.extra // 2, self.extra - self.extra // 2))
        result: Tensor = nn.functional.relu(out + x)
        return result


class ResNetCifar(nn.Module):
    """One convolution, three stages of blocks, global average, one linear output."""

    def __init__(self, *, classes: int, channels: int, depth: int, width: int) -> None:
        super().__init__()
        if (depth - 2) % 6:
            raise ValueError(f"depth must be 6n + 2, such as 20, 32 or 56, not {depth}")
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        before = width
        for stage, size in enumerate((width, 2 * width, 4 * width), 1):
            blocks = []
            for number in range((depth - 2) // 6):
                blocks.append(ResidualBlock(before, size, 2 if stage > 1 and number == 0 else 1))
                before = size
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, classes)``."""
        x = self.relu(self.bn1(self.conv1(x)))
        for stage in (1, 2, 3):
            x = self.get_submodule(f"layer{stage}")(x)
        out: Tensor = self.fc(self.flatten(self.avgpool(x)))
        return out


def propose(shapes: Shapes) -> list[Arguments]:
    """Arguments from tensor shapes."""
    width, channels = side(shapes, "conv1.weight", 0), side(shapes, "conv1.weight", 1)
    classes = side(shapes, "fc.weight", 0)
    blocks = len([n for n in shapes if n.startswith("layer1.") and n.endswith(".conv1.weight")])
    if not (width and channels and classes and blocks) or "layer4.0.conv1.weight" in shapes:
        return []
    return [{"classes": classes, "channels": channels, "depth": 6 * blocks + 2, "width": width}]


ARCHITECTURE = Architecture(
    name="resnet-cifar",
    summary="ResNet-20/32/56 for small images, shortcuts without weights.",
    arguments=(
        CLASSES,
        COLOURS,
        argument("depth", 20, "6n + 2: 20, 32, 56 …", low=8, high=1202),
        argument("width", 16, "Channels of the first stage.", high=1024),
    ),
    build=ResNetCifar,
    penultimate=lambda _: "flatten",
    accepts=lambda a: Accepts(channels=a["channels"], least_side=4),
    propose=propose,
)
