"""Demo studies that a server trains networks for."""

import enum

from pydantic import BaseModel, Field

from kinscape.backend.contracts.cards import Slug
from kinscape.backend.contracts.projects import Id


class DemoState(enum.StrEnum):
    """How far the networks of a demo are."""

    ABSENT = "absent"
    TRAINING = "training"
    ENDED = "ended"
    BROKEN = "broken"


class Demo(BaseModel):
    """A study that can be tried on networks which the server trains."""

    template: Slug
    project: Id | None = Field(description="Where its networks are; null before they are asked for.")
    study: Id | None = Field(default=None, description="Its study, once that was run there.")
    state: DemoState
    trained: int = Field(default=0, description="Networks that are there by now, of those that are trained.")
    networks: int = 0
    reason: str = Field(default="", description="Why it broke off.")


def project_name(template: str) -> str:
    """The project that holds the networks of a demo."""
    return f"demo: {template}"
