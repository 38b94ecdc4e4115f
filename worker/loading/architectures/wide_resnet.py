"""Wide residual networks for small images, under the names of their usual PyTorch code (xternalz).

Source: Zagoruyko & Komodakis 2016; activations stand in front of convolutions.
"""

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

STAGES = (1, 2, 3)
FIRST_WIDTH = 16
# A network of depth 6n + 4 has n blocks in each of its stages.
PER_BLOCK, BESIDE = 6, 4


class Block(nn.Module):
    """Norm and activation before each of two convolutions; a 1×1 convolution beside them where the width changes."""

    def __init__(self, before: int, size: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(before, size, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(size)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(size, size, 3, padding=1, bias=False)
        self.convShortcut = None if before == size else nn.Conv2d(before, size, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output map."""
        seen = self.relu1(self.bn1(x))
        out: Tensor = self.conv2(self.relu2(self.bn2(self.conv1(seen))))
        return out + (x if self.convShortcut is None else self.convShortcut(seen))


class Stage(nn.Module):
    """Blocks of one width, in a list that the usual code calls ``layer``."""

    def __init__(self, before: int, size: int, *, stride: int, count: int) -> None:
        super().__init__()
        blocks = [Block(before if not k else size, size, 1 if k else stride) for k in range(count)]
        self.layer = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """The output map of the last block."""
        out: Tensor = self.layer(x)
        return out


class WideResNet(nn.Module):
    """One convolution, three stages, norm, global average, one linear output."""

    def __init__(self, *, classes: int, channels: int, depth: int, widen: int) -> None:
        super().__init__()
        if (depth - BESIDE) % PER_BLOCK or depth == BESIDE:
            raise ValueError(f"depth must be 6n + 4, such as 16, 28 or 40, not {depth}")
        self.conv1 = nn.Conv2d(channels, FIRST_WIDTH, 3, padding=1, bias=False)
        before, count = FIRST_WIDTH, (depth - BESIDE) // PER_BLOCK
        for number in STAGES:
            size = FIRST_WIDTH * widen * 2 ** (number - 1)
            self.add_module(f"block{number}", Stage(before, size, stride=1 if number == 1 else 2, count=count))
            before = size
        self.bn1 = nn.BatchNorm2d(before)
        self.relu = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, classes)``."""
        x = self.conv1(x)
        for number in STAGES:
            x = self.get_submodule(f"block{number}")(x)
        out: Tensor = self.fc(self.flatten(self.avgpool(self.relu(self.bn1(x)))))
        return out


def propose(shapes: Shapes) -> list[Arguments]:
    """Arguments from tensor shapes."""
    channels, width = side(shapes, "conv1.weight", 1), side(shapes, "block1.layer.0.conv1.weight", 0)
    classes = side(shapes, "fc.weight", 0)
    blocks = len([n for n in shapes if n.startswith("block1.layer.") and n.endswith(".conv1.weight")])
    if not (channels and width and classes):
        return []
    depth = PER_BLOCK * blocks + BESIDE
    return [{"classes": classes, "channels": channels, "depth": depth, "widen": width // FIRST_WIDTH}]


ARCHITECTURE = Architecture(
    name="wide-resnet",
    summary="Wide ResNet for small images (WRN-16-2, WRN-28-10), activations before convolutions.",
    arguments=(
        CLASSES,
        COLOURS,
        argument("depth", 16, "6n + 4: 16, 28, 40 …", low=10, high=1204),
        argument("widen", 2, "How many times as wide as a plain ResNet.", high=64),
    ),
    build=WideResNet,
    penultimate=lambda _: "flatten",
    accepts=lambda a: Accepts(channels=a["channels"]),
    propose=propose,
)
