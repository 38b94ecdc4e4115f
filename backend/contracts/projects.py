"""Projects, checkpoints and probe sets as a user names and sees them."""

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Number = float | int


def printable(text: str) -> str:
    """Text without control characters and outer blanks; it may be empty."""
    if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise ValueError("may not contain control characters")
    return text.strip()


def written(text: str) -> str:
    """Text of several lines, without other control characters."""
    printable(text.translate({9: " ", 10: " ", 13: " "}))
    return text.replace("\r\n", "\n").strip()


def _clean(text: str) -> str:
    """A name without control characters and outer blanks."""
    stripped = printable(text)
    if not stripped:
        raise ValueError("may not be empty")
    return stripped


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_clean)]
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Notes = Annotated[str, Field(max_length=20_000), AfterValidator(written)]
TagName = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_clean)]
TagValue = Annotated[str, Field(max_length=200)]
Tags = Annotated[dict[TagName, TagValue], Field(max_length=50)]


class ProjectCreate(BaseModel):
    """A new project."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    notes: Notes = ""


class ProjectChange(BaseModel):
    """What may be changed of a project."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    notes: Notes | None = None


class NewestComparison(BaseModel):
    """The comparison of a project that was asked for last."""

    id: Id
    name: str
    state: str
    study: Id | None = Field(default=None, description="The study that it answers.")


class Project(BaseModel):
    """A room of its own for checkpoints, probe sets and comparisons."""

    id: Id
    name: str
    notes: str = ""
    created: dt.datetime
    checkpoints: int = 0
    comparisons: int = 0
    newest: NewestComparison | None = None
