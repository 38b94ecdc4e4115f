"""Shares: links that open one view of one comparison, read only."""

import datetime as dt
import enum
import unicodedata
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kinscape.backend.contracts.projects import Id, printable


class ShareScope(enum.StrEnum):
    """How much a link opens: everything of its comparison, or the numbers of one measure of pairs alone."""

    COMPARISON = "whole"
    MATRIX = "matrix"


# Pictures that need the numbers of one measure alone.
TABS_OF_ONE_MEASURE = ("matrix", "map")


def visible(text: str) -> str:
    """One line of text without marks that nobody sees, such as those that turn its direction."""
    if any(unicodedata.category(c) == "Cf" for c in text):
        raise ValueError("may not contain invisible marks")
    return printable(text)


class ShareCreate(BaseModel):
    """A link to make."""

    model_config = ConfigDict(extra="forbid")
    view: Annotated[str, Field(max_length=16_000)] = ""
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] = 30
    may_export: bool = True
    masked: bool = Field(default=False, description="Whether names are hidden; such a link has no export.")
    scope: ShareScope = Field(
        default=ShareScope.COMPARISON, description="matrix opens the measure of pairs that the view names, no other."
    )
    made_by: Annotated[str, Field(max_length=100), AfterValidator(visible)] = Field(
        default="", description="Who sends it; its visitors read it, unless names are hidden."
    )


class ShareExtend(BaseModel):
    """How long a link is to work from now on."""

    model_config = ConfigDict(extra="forbid")
    expires_in_days: Annotated[int, Field(ge=1, le=3650)]


class Share(BaseModel):
    """A link as its owner sees it later; the token itself is shown once only."""

    id: Id
    comparison: Id
    view: str
    created: dt.datetime
    expires: dt.datetime
    last_used: dt.datetime | None
    revoked: bool
    may_export: bool
    masked: bool = False
    scope: ShareScope = ShareScope.COMPARISON
    made_by: str = ""
    results_version: int

    @property
    def measure(self) -> str:
        """The measure that its view names."""
        return dict(parse_qsl(self.view)).get("measure", "")


class NewShare(Share):
    """A link just made, with the address that opens it."""

    url: str
