"""Projects, checkpoints and probe sets as a user names and sees them."""

import datetime as dt
import enum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Number = float | int


def _clean(text: str) -> str:
    """A name without control characters and outer blanks."""
    if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise ValueError("may not contain control characters")
    stripped = text.strip()
    if not stripped:
        raise ValueError("may not be empty")
    return stripped


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_clean)]
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Tags = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_clean)],
        Annotated[str, Field(max_length=200)],
    ],
    Field(max_length=50),
]


class State(enum.StrEnum):
    """Where an uploaded file is on its way."""

    INSPECTING = "inspecting"
    UNCONFIRMED = "unconfirmed"
    READY = "ready"
    REFUSED = "refused"


class ProjectCreate(BaseModel):
    """A new project."""

    model_config = ConfigDict(extra="forbid")
    name: Name


class Project(BaseModel):
    """A room of its own for checkpoints, probe sets and comparisons."""

    id: Id
    name: str
    created: dt.datetime
    checkpoints: int = 0
    comparisons: int = 0


class CheckpointDescription(BaseModel):
    """What a user says about a checkpoint when they upload it."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    group: Annotated[str, Field(max_length=100)] = ""
    tags: Tags = Field(default_factory=dict)
    parent: Name | None = None
    init_of: Name | None = None
    teacher: Name | None = None
    run: Annotated[str, Field(max_length=200)] = ""
    step: Annotated[int, Field(ge=0, le=2**53)] | None = None
    architecture: Annotated[str, Field(max_length=64)] | None = None
    arguments: Annotated[dict[str, int | str], Field(max_length=20)] = Field(default_factory=dict)
    normalisation: dict[str, list[float]] | None = Field(
        default=None, description='Own input normalisation, {"mean": [...], "std": [...]} per channel.'
    )
    class_order: list[int] | None = Field(
        default=None, description="Probe class of each of this checkpoint's outputs, where they differ."
    )
    metrics: Annotated[dict[str, Number], Field(max_length=100)] = Field(default_factory=dict)


class CheckpointChange(BaseModel):
    """What may be changed of a checkpoint after it was uploaded."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    group: Annotated[str, Field(max_length=100)] | None = None
    tags: Tags | None = None
    architecture: Annotated[str, Field(max_length=64)] | None = None
    arguments: Annotated[dict[str, int | str], Field(max_length=20)] | None = None


class Mismatch(BaseModel):
    """One row of the table that says how tensors differ from what an architecture expects."""

    tensor: str
    expected: tuple[int, ...] | None
    found: tuple[int, ...] | None


class Proposal(BaseModel):
    """An architecture that fits the names and shapes of a file, to be confirmed."""

    architecture: str
    arguments: dict[str, int | str]


class Checkpoint(BaseModel):
    """One set of trained weights plus the architecture that runs them."""

    id: Id
    name: str
    group: str
    tags: dict[str, str]
    parent: str | None
    init_of: str | None
    teacher: str | None
    root: str | None = Field(description="First ancestor by parent; itself when it has none.")
    run: str
    step: int | None
    architecture: str | None
    arguments: dict[str, Any]
    parameters: int | None
    size_bytes: int | None
    content_hash: str | None
    layers: list[str]
    non_finite: int = Field(default=0, description="NaN or infinite weights.")
    metrics: dict[str, Number]
    state: State
    reason: str
    mismatches: list[Mismatch] = Field(default_factory=list)
    proposals: list[Proposal] = Field(default_factory=list)
    created: dt.datetime


class ProbeDescription(BaseModel):
    """What a user says about a probe set."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    role: Annotated[str, Field(pattern="^(held-out|train|shifted)$")] = "held-out"
    normalisation: dict[str, list[float]] | None = None


class Probe(BaseModel):
    """The samples that models are asked about."""

    id: Id
    name: str
    role: str
    samples: int | None
    shape: list[int]
    classes: int | None
    class_counts: list[int]
    duplicates: int
    constant_features: int
    content_hash: str | None
    state: State
    reason: str
    created: dt.datetime
