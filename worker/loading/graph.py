"""The graph of a program as records, read from what the sandbox wrote."""

import enum
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kinscape.worker.door.refusal import Refusal


class ArgumentKind(enum.StrEnum):
    """What an argument of a step is."""

    TENSOR = "tensor"
    TENSORS = "tensors"
    VALUE = "value"
    SYMBOL = "symbol"
    SYMBOLS = "symbols"
    DTYPE = "dtype"
    DEVICE = "device"
    MEMORY_FORMAT = "memory_format"
    LAYOUT = "layout"


Argument = tuple[ArgumentKind, Any]
LOGITS_FIELD = "logits"


class Node(BaseModel):
    """One step: an operator, what it takes, what it makes, and the module it belongs to."""

    model_config = ConfigDict(frozen=True)
    op: str
    args: tuple[Argument, ...]
    keywords: dict[str, Argument]
    out: tuple[str | None, ...]
    many: bool = Field(description="Whether it makes a list of tensors.")
    path: str = Field(description="Name of the innermost module, with @1 for its second call.")
    kind: str = Field(description="Class of that module.")

    @property
    def reads(self) -> set[str]:
        """Names of the values that it takes."""
        return {name for argument in (*self.args, *self.keywords.values()) for name in _names(argument)}


class ProgramInput(BaseModel):
    """What a tensor of samples must look like; None for a side that may differ."""

    model_config = ConfigDict(frozen=True)
    name: str
    dtype: int
    shape: tuple[int | None, ...]


class ProgramOutput(BaseModel):
    """A tensor that the program returns."""

    model_config = ConfigDict(frozen=True)
    name: str
    label: str = ""

    @property
    def is_logits(self) -> bool:
        """Whether the program calls it so, as models of transformers do."""
        return self.label == LOGITS_FIELD


class Graph(BaseModel):
    """An exported program without its tensors."""

    model_config = ConfigDict(frozen=True)
    torch: str
    inputs: tuple[ProgramInput, ...]
    state: dict[str, str] = Field(description="Tensor by the name that the graph gives it.")
    parameters: tuple[str, ...] = Field(description="Tensors that are trained; the others are buffers.")
    nodes: tuple[Node, ...]
    outputs: tuple[ProgramOutput, ...]

    @classmethod
    def read(cls, path: Path) -> "Graph":
        """The graph of a published file.

        Raises:
            Refusal: it is not laid out as the sandbox lays it out.
        """
        try:
            return cls.model_validate(json.loads(path.read_bytes()))
        except (ValueError, ValidationError, RecursionError) as error:
            raise Refusal("The program could not be read; export the model again.") from error


def _names(argument: Argument) -> list[str]:
    kind, value = argument
    if kind in (ArgumentKind.TENSOR, ArgumentKind.SYMBOL):
        return [value]
    if kind is ArgumentKind.TENSORS:
        return [name for name in value if name is not None]
    if kind is ArgumentKind.SYMBOLS:
        return [name for inner, name in value if inner == ArgumentKind.SYMBOL]
    return []
