"""One checkpoint whole: who it comes from, where it was compared, what was found."""

import datetime as dt

from pydantic import BaseModel, Field

from kinscape.backend.contracts.checkpoints import Checkpoint
from kinscape.backend.contracts.projects import Id


class Relative(BaseModel):
    """A checkpoint that is related to another one."""

    id: Id
    name: str
    relation: str = Field(description="What it is to it, such as parent, or step of the same run.")


class Appearance(BaseModel):
    """A comparison that shows a checkpoint."""

    id: Id
    name: str
    probe: str
    models: int
    state: str
    created: dt.datetime


class OwnNumber(BaseModel):
    """A number of one checkpoint alone, from the newest comparison that has it."""

    comparison: Id
    probe: str
    measure: str
    slug: str
    layer: str | None
    value: float | None
    low: float | None = None
    high: float | None = None
    of: int = Field(description="How many checkpoints of that comparison have this number, itself included.")
    rank: int | None = Field(default=None, description="Its place among those, the lowest value first.")
    sentence: str = Field(default="", description="Why there is no number.")


class Neighbour(BaseModel):
    """A checkpoint near another one."""

    id: Id
    name: str
    value: float
    low: float | None = None
    high: float | None = None


class Neighbourhood(BaseModel):
    """Who is nearest by one measure of pairs."""

    comparison: Id
    measure: str
    slug: str
    layer: str | None
    nearest: list[Neighbour]


class StoredTensor(BaseModel):
    """A tensor of a checkpoint."""

    name: str
    dtype: str
    shape: list[int]


class Portrait(BaseModel):
    """Everything that is known of a checkpoint."""

    checkpoint: Checkpoint
    project: Id
    project_name: str
    relatives: list[Relative]
    appearances: list[Appearance]
    numbers: list[OwnNumber]
    neighbourhoods: list[Neighbourhood]
    tensors: list[StoredTensor]
    told: list[str] = Field(description="What a reader of its numbers should know.")
