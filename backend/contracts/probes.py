"""Probe sets: the samples that models are compared on."""

import datetime as dt
import enum

from pydantic import BaseModel, ConfigDict, Field

from kinscape.backend.contracts.projects import Id, Name, Notes
from kinscape.backend.contracts.uploads import State


class ProbeRole(enum.StrEnum):
    """What the samples of a probe set are to the networks."""

    HELD_OUT = "held-out"
    TRAIN = "train"
    SHIFTED = "shifted"


class Scale(enum.StrEnum):
    """What becomes of images of bytes."""

    UNIT = "unit"
    RAW = "raw"


class Layout(enum.StrEnum):
    """Which order of axes images have."""

    RECOGNISED = "recognised"
    AS_GIVEN = "as-given"


class ProbeDescription(BaseModel):
    """What a user says about a probe set."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    notes: Notes = ""
    role: ProbeRole = ProbeRole.HELD_OUT
    normalisation: dict[str, list[float]] | None = None
    scale: Scale = Field(default=Scale.UNIT, description="unit divides images of bytes by 255, raw keeps them.")
    layout: Layout = Field(
        default=Layout.RECOGNISED, description="recognised turns images with colours last, as-given keeps them."
    )


class ProbeChange(BaseModel):
    """What may be changed of a probe set after it was uploaded."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    notes: Notes | None = None
    role: ProbeRole | None = None


class ProbeFacts(BaseModel):
    """What inspection learned of a probe set."""

    model_config = ConfigDict(frozen=True)
    samples: int | None = None
    shape: list[int] = Field(default_factory=list)
    duplicates: int = 0
    constant_features: int = 0
    classes: int | None = None
    class_counts: list[int] = Field(default_factory=list)
    told: list[str] = Field(default_factory=list, description="What was done to the samples, and what was not read.")


class Probe(BaseModel):
    """The samples that models are asked about."""

    id: Id
    name: str
    notes: str = ""
    role: ProbeRole
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
