"""Probe sets: the samples that models are compared on."""

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from kinscape.backend.contracts.projects import Id, Name
from kinscape.backend.contracts.uploads import State


class ProbeDescription(BaseModel):
    """What a user says about a probe set."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    role: Annotated[str, Field(pattern="^(held-out|train|shifted)$")] = "held-out"
    normalisation: dict[str, list[float]] | None = None


class ProbeFacts(BaseModel):
    """What inspection learned of a probe set."""

    model_config = ConfigDict(frozen=True)
    samples: int | None = None
    shape: list[int] = Field(default_factory=list)
    duplicates: int = 0
    constant_features: int = 0
    classes: int | None = None
    class_counts: list[int] = Field(default_factory=list)


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
