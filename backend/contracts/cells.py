"""A cell: one estimate, or one reason why there is none."""

import enum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class IntervalKind(enum.StrEnum):
    """What an interval speaks of; the three are never mixed."""

    SAMPLING = "sampling"
    MONTE_CARLO = "monte-carlo"
    SEEDS = "seeds"


class Why(enum.StrEnum):
    """Kinds of reason for a cell without a number.

    A measure that is not applicable would not be when asked again; one that needs more than the checkpoint has may be.
    """

    NOT_COMPUTED = "not-computed"
    RUNNING = "running"
    FAILED = "failed"
    NOT_APPLICABLE = "not-applicable"
    NEEDS_MORE = "needs-more"
    CANCELLED = "cancelled"


Column = tuple[float | str | None, ...]


class Estimate(BaseModel):
    """A value with how sure it is. ``low`` and ``high`` are the 95 % sampling interval."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["estimate"] = "estimate"
    value: float
    low: float | None = None
    high: float | None = None
    interval: IntervalKind | None = None
    method: str = ""
    n: int = Field(default=0, description="Probe samples the number was computed on.")
    replicates: tuple[float, ...] = Field(
        default=(), description="Values with one group of samples left out, in group order."
    )
    monte_carlo_error: float | None = Field(
        default=None, description="Standard error over random draws, in the unit of the value."
    )
    warning: str = ""
    notes: dict[str, float | int | str] = Field(
        default_factory=dict, description="What was found beside the number, such as a residual."
    )
    series: dict[str, Column] = Field(
        default_factory=dict, description="Columns of equal length behind the number, such as a curve; null is a gap."
    )


class Provenance(BaseModel):
    """How an estimate was made: what many cells of a matrix have in common."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["provenance"] = "provenance"
    interval: IntervalKind | None = None
    method: str = ""
    warning: str = ""


class Detail(BaseModel):
    """What belongs to single estimates only: notes, the columns of a curve, an error over random draws."""

    model_config = ConfigDict(frozen=True)
    monte_carlo_error: float | None = None
    notes: dict[str, float | int | str] = Field(default_factory=dict)
    series: dict[str, Column] = Field(default_factory=dict)


class Reason(BaseModel):
    """Why a cell has no number."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["reason"] = "reason"
    why: Why
    sentence: str


Cell = Annotated[Estimate | Reason, Field(discriminator="kind")]
Told = Annotated[Provenance | Reason, Field(discriminator="kind")]
