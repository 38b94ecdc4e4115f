"""Residual networks under the names by which they are published: torchvision's, and those of CIFAR repositories.

Sources: He et al. 2015 (blocks), Xie et al. 2016 (groups), Zagoruyko & Komodakis 2016 (wider bottlenecks). The stride
of a bottleneck lies in its 3×3 convolution, as in torchvision and most repositories.
"""

from collections.abc import Callable
from itertools import groupby
from typing import Any, NamedTuple

from torch import Tensor, nn

from kinscape.backend.contracts.cards import ArchitectureArgument, ArgumentKind
from kinscape.backend.contracts.checkpoints import Accepts
from kinscape.worker.loading.architectures.architecture import (
    CLASSES,
    COLOURS,
    Architecture,
    Arguments,
    Shapes,
    argument,
)

BASIC, BOTTLENECK = "basic", "bottleneck"
# A convolution of 7×7 and stride 2 with pooling; one of 3×3; the latter in front of the pooling that stayed.
IMAGENET, CIFAR, CIFAR_POOL = "imagenet", "cifar", "cifar-pool"
STEMS = (IMAGENET, CIFAR, CIFAR_POOL)
SIDE_OF_STEM = 7
IMAGE_WEIGHT = 4
TORCHVISION = "torchvision"
PROJECTION, ZEROS = "projection", "zeros"
WIDER = 4
# Bottlenecks of this width have as many channels inside as the stage is wide.
USUAL_WIDTH = 64
MOST_STAGES = 6


class Names(NamedTuple):
    """What a repository calls the parts of its network."""

    stem: str
    norm: str
    stages: str
    shortcut: str
    head: str
    is_flat: bool = False


STYLES = {
    TORCHVISION: Names("conv1", "bn1", "layer", "downsample", "fc"),
    "kuangliu": Names("conv1", "bn1", "layer", "shortcut", "linear"),
    "openlth": Names("conv", "bn", "blocks", "shortcut", "fc", is_flat=True),
}


class ZeroPadding(nn.Module):
    """A shortcut without weights: every second position, and channels of zeros around."""

    def __init__(self, stride: int, extra: int) -> None:
        super().__init__()
        self.stride, self.extra = stride, extra

    def forward(self, x: Tensor) -> Tensor:
        """The map that is added."""
        x = x[:, :, :: self.stride, :: self.stride]
        return nn.functional.pad(x, (0, 0, 0, 0, self.extra // 2, self.extra - self.extra // 2))


class Block(nn.Module):
    """Two or three convolutions and a shortcut."""

    def __init__(self, convolutions: list[nn.Conv2d], shortcut: nn.Module | None, *, called: str) -> None:
        super().__init__()
        self.called, self.count, self.channels = called, len(convolutions), convolutions[-1].out_channels
        for number, convolution in enumerate(convolutions, 1):
            self.add_module(f"conv{number}", convolution)
            self.add_module(f"bn{number}", nn.BatchNorm2d(convolution.out_channels))
        self.relu = nn.ReLU()
        if shortcut is not None:
            self.add_module(called, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output map."""
        out = x
        for number in range(1, self.count + 1):
            out = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(out))
            out = self.relu(out) if number < self.count else out
        beside = self.get_submodule(self.called)(x) if self.called in self._modules else x
        result: Tensor = nn.functional.relu(out + beside)
        return result


def _basic(before: int, width: int, stride: int, _groups: int, _base: int) -> list[nn.Conv2d]:
    return [_three(before, width, stride=stride), _three(width, width)]


def _bottleneck(before: int, width: int, stride: int, groups: int, base: int) -> list[nn.Conv2d]:
    inner = width * base // USUAL_WIDTH * groups
    return [
        nn.Conv2d(before, inner, 1, bias=False),
        _three(inner, inner, stride=stride, groups=groups),
        nn.Conv2d(inner, width * WIDER, 1, bias=False),
    ]


def _three(before: int, after: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride=stride, padding=1, groups=groups, bias=False)


CONVOLUTIONS: dict[str, Callable[[int, int, int, int, int], list[nn.Conv2d]]] = {
    BASIC: _basic,
    BOTTLENECK: _bottleneck,
}


class Layout(NamedTuple):
    """Which of the residual networks it is."""

    names: Names
    stem: str
    block: str
    shortcut: str
    width: int
    groups: int
    base: int

    def stage(self, before: int, *, number: int, blocks: int) -> list[Block]:
        """The blocks of a stage.

        Args:
            before: channels that enter it.
            number: of the stage, from 0.
        """
        out = []
        for k in range(blocks):
            stride = 2 if number and not k else 1
            convs = CONVOLUTIONS[self.block](before, self.width * 2**number, stride, self.groups, self.base)
            after = convs[-1].out_channels
            beside = _shortcut(before, after, stride, kind=self.shortcut)
            out.append(Block(convs, beside, called=self.names.shortcut))
            before = after
        return out


class ResNet(nn.Module):
    """A stem, stages of blocks, each half as large and twice as wide, a global average, one linear output."""

    def __init__(self, layout: Layout, *, classes: int, channels: int, blocks: str) -> None:
        super().__init__()
        self.names = layout.names
        is_wide, counts = layout.stem == IMAGENET, counts_of(blocks)
        stem = nn.Conv2d(channels, layout.width, 7, 2, 3, bias=False) if is_wide else _three(channels, layout.width)
        self.add_module(self.names.stem, stem)
        self.add_module(self.names.norm, nn.BatchNorm2d(layout.width))
        self.relu = nn.ReLU()
        self.maxpool = nn.Identity() if layout.stem == CIFAR else nn.MaxPool2d(3, stride=2, padding=1)
        stages: list[list[Block]] = []
        channels = layout.width
        for number, count in enumerate(counts):
            stages.append(layout.stage(channels, number=number, blocks=count))
            channels = stages[-1][-1].channels
        if self.names.is_flat:
            stages = [[block for stage in stages for block in stage]]
        self.stages = [self.names.stages + ("" if self.names.is_flat else str(k)) for k in range(1, len(stages) + 1)]
        for name, stage in zip(self.stages, stages, strict=True):
            self.add_module(name, nn.Sequential(*stage))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.add_module(self.names.head, nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(samples, classes)``."""
        x = self.relu(self.get_submodule(self.names.norm)(self.get_submodule(self.names.stem)(x)))
        x = self.maxpool(x)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        out: Tensor = self.get_submodule(self.names.head)(self.flatten(self.avgpool(x)))
        return out


def counts_of(blocks: str) -> list[int]:
    """Blocks of each stage, out of ``2-2-2-2``.

    Raises:
        ValueError: the text is something else.
    """
    parts = blocks.split("-")
    if not all(p.isdecimal() and p.isascii() and 0 < len(p) < 4 for p in parts) or not 0 < len(parts) <= MOST_STAGES:
        raise ValueError(f"blocks must list the blocks of each stage, such as 2-2-2-2, not {blocks[:40]!r}")
    return [int(p) for p in parts]


def _shortcut(before: int, after: int, stride: int, *, kind: str) -> nn.Module | None:
    if stride == 1 and before == after:
        return None
    if kind == ZEROS:
        return ZeroPadding(stride, after - before)
    return nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after))


def build(**settings: Any) -> ResNet:
    """The network of these arguments."""
    layout = Layout(
        STYLES[settings["names"]],
        *(settings[name] for name in ("stem", "block", "shortcut", "width", "groups", "base")),
    )
    return ResNet(layout, **{name: settings[name] for name in ("classes", "channels", "blocks")})


def propose(shapes: Shapes) -> list[Arguments]:
    """Arguments from tensor shapes; whether a small stem is followed by pooling leaves no trace in them."""
    return [found for style in STYLES for found in _in_style(style, shapes)]


def _in_style(style: str, shapes: Shapes) -> list[Arguments]:
    names = STYLES[style]
    stem, head = shapes.get(f"{names.stem}.weight", ()), shapes.get(f"{names.head}.weight", ())
    blocks = _blocks(names, shapes)
    if len(stem) != IMAGE_WEIGHT or len(head) != 2 or not blocks:
        return []
    first = f"{names.stages}.0" if names.is_flat else f"{names.stages}1.0"
    inner = shapes.get(f"{first}.conv2.weight", ())
    if len(inner) != IMAGE_WEIGHT:
        return []
    is_deep = f"{first}.conv3.weight" in shapes
    has_projections = any(f".{names.shortcut}.0.weight" in n for n in shapes)
    groups = inner[0] // inner[1] if is_deep and inner[1] else 1
    settings = {
        "classes": head[0],
        "channels": stem[1],
        "blocks": blocks,
        "width": stem[0],
        "block": BOTTLENECK if is_deep else BASIC,
        "shortcut": PROJECTION if has_projections else ZEROS,
        "groups": groups,
        "base": inner[0] * USUAL_WIDTH // (stem[0] * groups) if is_deep else USUAL_WIDTH,
        "names": style,
    }
    # Blocks without weights in their shortcuts under torchvision's names are another architecture of the registry.
    if not has_projections and style == TORCHVISION and not is_deep:
        return []
    stems = (IMAGENET,) if stem[2] == SIDE_OF_STEM else (CIFAR, CIFAR_POOL)
    defaults = {a.name: a.default for a in ARCHITECTURE.arguments}
    shown = {k: v for k, v in settings.items() if k in ("classes", "channels", "blocks", "width") or v != defaults[k]}
    return [{**shown, "stem": s} for s in stems]


def _blocks(names: Names, shapes: Shapes) -> str:
    """Blocks of each stage as text; empty where there are none."""
    if not names.is_flat:
        counts = []
        for stage in range(1, MOST_STAGES + 1):
            counts.append(len({n.split(".")[1] for n in shapes if n.startswith(f"{names.stages}{stage}.")}))
        return "-".join(str(c) for c in counts if c)
    widths: list[int] = []
    while shape := shapes.get(f"{names.stages}.{len(widths)}.conv1.weight"):
        widths.append(shape[0])
    return "-".join(str(len(list(same))) for _, same in groupby(widths))


def _choice(name: str, default: str, help: str, choices: tuple[str, ...]) -> ArchitectureArgument:
    return ArchitectureArgument(name=name, default=default, help=help, kind=ArgumentKind.TEXT, choices=choices)


ARCHITECTURE = Architecture(
    name="resnet",
    summary="ResNet and ResNeXt of torchvision, and the CIFAR ResNets of kuangliu, akamaster, chenyaofo and OpenLTH.",
    arguments=(
        CLASSES,
        COLOURS,
        ArchitectureArgument(
            name="blocks", default="2-2-2-2", help="Blocks of each stage, such as 3-4-6-3.", kind=ArgumentKind.TEXT
        ),
        argument("width", 64, "Channels of the first stage."),
        _choice("stem", IMAGENET, "First layers: 7×7 with pooling, 3×3 alone, 3×3 with pooling.", STEMS),
        _choice("block", BASIC, "Two 3×3 convolutions, or a bottleneck.", (BASIC, BOTTLENECK)),
        _choice("shortcut", PROJECTION, "Where sizes change: 1×1 convolution, or zeros.", (PROJECTION, ZEROS)),
        argument("groups", 1, "Groups of a bottleneck's 3×3 convolution.", high=1024),
        argument("base", USUAL_WIDTH, "Width of a bottleneck's group in the first stage.", high=1024),
        _choice("names", TORCHVISION, "What its parts are called.", tuple(STYLES)),
    ),
    build=build,
    penultimate=lambda _: "flatten",
    accepts=lambda a: Accepts(channels=a["channels"]),
    propose=propose,
)
