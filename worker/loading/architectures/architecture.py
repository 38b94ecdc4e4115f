"""What an architecture of the registry says about itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from kinscape.backend.contracts.cards import ArchitectureArgument
from kinscape.backend.contracts.checkpoints import Accepts

Shapes = Mapping[str, tuple[int, ...]]
Arguments = dict[str, Any]


@dataclass(frozen=True)
class Architecture:
    """A network that can be built by name.

    Attributes:
        build: makes the module from its arguments.
        penultimate: name of the module whose output enters the last linear layer.
        accepts: what samples must look like, from the arguments.
        propose: arguments that would give these tensor shapes; several where shapes do not tell them apart.
    """

    name: str
    summary: str
    arguments: tuple[ArchitectureArgument, ...]
    build: Callable[..., nn.Module]
    penultimate: Callable[[Arguments], str]
    accepts: Callable[[Arguments], Accepts]
    propose: Callable[[Shapes], Sequence[Arguments]]

    def settings(self, given: Mapping[str, Any]) -> Arguments:
        """All arguments with their values."""
        return {a.name: given.get(a.name, a.default) for a in self.arguments}


def argument(name: str, default: int, help: str, *, low: int = 1, high: int = 4096) -> ArchitectureArgument:
    """One whole-number argument."""
    return ArchitectureArgument(name=name, default=default, help=help, minimum=low, maximum=high)


CLASSES = argument("classes", 10, "Number of classes.", high=100_000)
CHANNELS = argument("channels", 1, "Channels of the input image.", high=64)
COLOURS = argument("channels", 3, "Channels of the input image.", high=64)


def side(shapes: Shapes, name: str, axis: int) -> int | None:
    """One side of a tensor, if it is there."""
    shape = shapes.get(name, ())
    return shape[axis] if len(shape) > axis else None
