"""Checkpoints as a user describes and sees them."""

import datetime as dt
import enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kinscape.backend.contracts.cards import Setting
from kinscape.backend.contracts.projects import Id, Name, Notes, Number, TagName, Tags, TagValue
from kinscape.backend.contracts.recordings import Recorded
from kinscape.backend.contracts.uploads import State


class Level(enum.StrEnum):
    """What a checkpoint can be asked for, from least to most.

    Its weights alone; the outputs and features that were recorded of it; all that a program computes on any samples;
    or a network that is built here, whose layers can be drawn again.
    """

    WEIGHTS = "weights"
    RECORDED = "recorded"
    PROGRAM = "program"
    NETWORK = "network"

    @property
    def words(self) -> str:
        """What the screen calls it."""
        return "weights only" if self is Level.WEIGHTS else self.value

    @property
    def runs(self) -> bool:
        """Whether the server can run it on samples."""
        return self in (Level.PROGRAM, Level.NETWORK)


class Verdict(enum.StrEnum):
    """Whether a checkpoint computes the function that its owner's model computes."""

    UNVERIFIED = "unverified"
    CHECKING = "checking"
    VERIFIED = "verified"
    CONTRADICTED = "contradicted"


class Verification(BaseModel):
    """A comparison of a checkpoint's outputs with those that its owner gave."""

    model_config = ConfigDict(frozen=True)
    verdict: Verdict = Verdict.UNVERIFIED
    sentence: str = ""


class VerificationRequest(BaseModel):
    """Outputs of the owner's model for the first samples of a probe set."""

    model_config = ConfigDict(extra="forbid")
    logits: Annotated[
        list[Annotated[list[float], Field(min_length=2, max_length=100_000)]], Field(min_length=1, max_length=64)
    ]
    probe: Id | None = Field(default=None, description="The probe set; the only one of the project when left out.")


class CheckpointDescription(BaseModel):
    """What a user says about a checkpoint when they upload it."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    group: Annotated[str, Field(max_length=100)] = ""
    tags: Tags = Field(default_factory=dict)
    notes: Notes = ""
    parent: Name | None = None
    init_of: Name | None = None
    teacher: Name | None = None
    run: Annotated[str, Field(max_length=200)] = ""
    step: Annotated[int, Field(ge=0, le=2**53)] | None = None
    architecture: Annotated[str, Field(max_length=64)] | None = None
    arguments: Annotated[dict[str, Setting], Field(max_length=20)] = Field(default_factory=dict)
    normalisation: dict[str, list[float]] | None = Field(
        default=None, description='Own input normalisation, {"mean": [...], "std": [...]} per channel.'
    )
    class_order: list[int] | None = Field(
        default=None, description="Probe class of each of this checkpoint's outputs, where they differ."
    )
    metrics: Annotated[dict[str, Number], Field(max_length=100)] = Field(default_factory=dict)
    weights: Annotated[str, Field(max_length=200)] = Field(
        default="", description="Which set of weights of the file, such as ema; the usual one when left out."
    )
    probe: Annotated[str, Field(max_length=200)] = Field(
        default="", description="The probe set that was recorded; found by its samples when left out."
    )


# The name of another checkpoint; empty for none.
Relative = Name | Literal[""]


class CheckpointChange(BaseModel):
    """What may be changed of a checkpoint after it was uploaded."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    group: Annotated[str, Field(max_length=100)] | None = None
    tags: Tags | None = None
    notes: Notes | None = None
    architecture: Annotated[str, Field(max_length=64)] | None = None
    arguments: Annotated[dict[str, Setting], Field(max_length=20)] | None = None
    parent: Relative | None = None
    init_of: Relative | None = None
    teacher: Relative | None = None
    run: Annotated[str, Field(max_length=200)] | None = None
    step: Annotated[int, Field(ge=0, le=2**53)] | None = None
    metrics: Annotated[dict[str, Number], Field(max_length=100)] | None = None


class Tagging(BaseModel):
    """One tag of many checkpoints."""

    model_config = ConfigDict(extra="forbid")
    tag: TagName
    values: Annotated[dict[Id, TagValue], Field(min_length=1, max_length=5000)] = Field(
        description="Its value by number of the checkpoint; empty to take it away."
    )


class Replacement(BaseModel):
    """Which checkpoint takes the place of another one."""

    model_config = ConfigDict(extra="forbid")
    by: Id


class Mismatch(BaseModel):
    """One row of the table that says how tensors differ from what an architecture expects."""

    tensor: str
    expected: tuple[int, ...] | None
    found: tuple[int, ...] | None


class Proposal(BaseModel):
    """An architecture that fits the names and shapes of a file, to be confirmed."""

    architecture: str
    arguments: dict[str, Setting]


class Accepts(BaseModel):
    """What samples a network takes; null where it does not matter."""

    model_config = ConfigDict(frozen=True)
    inputs: int | None = Field(default=None, description="Values per sample, whatever their shape.")
    channels: int | None = None
    side: int | None = Field(default=None, description="Height and width of its images, where they are fixed.")
    least_side: int = 1
    shape: tuple[int | None, ...] | None = Field(
        default=None, description="Shape of one sample of a program; null for a side that may differ."
    )
    is_whole: bool = Field(default=False, description="Whether samples are whole numbers, such as tokens.")


class CheckpointFacts(BaseModel):
    """What inspection learned of a checkpoint's file, and what its architecture says of it."""

    model_config = ConfigDict(frozen=True)
    tensors: dict[str, tuple[str, list[int]]] = Field(default_factory=dict, description="Type and shape by name.")
    non_finite: int = 0
    mismatches: list[Mismatch] = Field(default_factory=list)
    proposals: list[Proposal] = Field(default_factory=list)
    parameters: int | None = None
    penultimate: str = ""
    accepts: Accepts = Accepts()
    classes: int | None = None
    level: Level | None = Field(default=None, description="Null for checkpoints of before levels: networks.")
    graph: str = Field(default="", description="Hash of the stored graph of a program.")
    tied: dict[str, str] = Field(default_factory=dict, description="Tensors that are another one, by name.")
    recorded: Recorded | None = None
    verification: Verification = Verification()
    told: list[str] = Field(default_factory=list, description="What a reader of its numbers should know.")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the tensors by name."""
        return {name: tuple(shape) for name, (_, shape) in self.tensors.items()}


class Checkpoint(BaseModel):
    """One set of trained weights plus the architecture that runs them."""

    id: Id
    project: Id | None = None
    name: str
    group: str
    tags: dict[str, str]
    notes: str = ""
    parent: str | None
    init_of: str | None
    teacher: str | None
    root: str | None = Field(description="First ancestor by parent; itself when it has none.")
    run: str
    step: int | None
    level: Level = Field(description="What it can be asked for.")
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
    verification: Verification = Verification()
    created: dt.datetime

    @property
    def kind(self) -> str:
        """Its architecture; where none is known, what it can be asked for."""
        return self.architecture or self.level.words
