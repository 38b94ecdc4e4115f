"""One pair of checkpoints: its numbers, their differences to another pair, the samples it disagrees on."""

from pydantic import BaseModel, ConfigDict, Field

from kinscape.backend.contracts.cells import Cell


class PairCell(BaseModel):
    """One number of a pair with everything known about it."""

    measure: str
    slug: str
    layer: str | None
    cell: Cell = Field(description="Without its replicates.")
    rank: int | None = None
    of: int | None = None


class Prediction(BaseModel):
    """What one model says of one sample."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)
    predicted: int = Field(alias="class", description="Top-1 class.")
    confidence: float


class DisagreeingSample(BaseModel):
    """One sample that two models predict differently; its values where it is small enough to be drawn."""

    sample: int
    label: int | None
    a: Prediction
    b: Prediction
    shape: list[int]
    values: list[float]


class Disagreements(BaseModel):
    """Samples that two models predict differently, most confident first."""

    total: int
    samples: list[DisagreeingSample]


class Difference(BaseModel):
    """The difference of two cells with its paired interval."""

    value: float
    low: float | None
    high: float | None
    method: str


class PairDifference(Difference):
    """The difference of two pairs in one measure at one layer."""

    measure: str
    slug: str
    layer: str | None
