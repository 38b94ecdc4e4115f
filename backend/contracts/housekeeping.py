"""What tidying up gives back, and who changed what."""

import datetime as dt

from pydantic import BaseModel, Field

from kinscape.backend.contracts.projects import Id


class Reclaimed(BaseModel):
    """What was removed, or what would be."""

    is_trial: bool = Field(description="Whether it was only counted.")
    files: int = Field(default=0, description="Stored files that nothing refers to any more, and leftovers of uploads.")
    file_bytes: int = 0
    cached: int = Field(default=0, description="Outputs and features beyond the bound of the cache; the oldest first.")
    cached_bytes: int = 0
    deleted: int = Field(default=0, description="Projects, checkpoints, probe sets and comparisons deleted long ago.")
    jobs: int = Field(default=0, description="Finished pieces of work that no comparison shows.")
    questions: int = Field(default=0, description="Questions, with their numbers, that no comparison asks any more.")


class Event(BaseModel):
    """A change that somebody made."""

    id: Id
    created: dt.datetime
    client: str = Field(description="Network address of who asked; that of the proxy where there is one.")
    action: str = Field(description="What was done, such as projects.delete.")
    path: str = Field(description="The address that was asked.")
    name: str = Field(description="How the thing was called then.")
