"""Shares: links that open one view of one comparison, read only."""

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from kinscape.backend.contracts.projects import Id


class ShareCreate(BaseModel):
    """A link to make."""

    model_config = ConfigDict(extra="forbid")
    view: Annotated[str, Field(max_length=4000)] = ""
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] = 30
    may_export: bool = True
    masked: bool = Field(default=False, description="Whether names are hidden; such a link has no export.")


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
    results_version: int


class NewShare(Share):
    """A link just made, with the address that opens it."""

    url: str
