"""Comparisons: what is asked of which checkpoints, and how far the answer is."""

import base64
import datetime as dt
import enum
from array import array
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.contracts.cards import Slug
from backend.contracts.groups import Band
from backend.contracts.projects import Id

PENULTIMATE = "penultimate"
OUTPUT = "output"


class MeasureRequest(BaseModel):
    """A measure with the parameters that differ from its defaults."""

    model_config = ConfigDict(extra="forbid")
    slug: Slug
    parameters: Annotated[dict[str, int | float | str], Field(max_length=20)] = Field(default_factory=dict)
    references: Annotated[list[Id], Field(max_length=100)] = Field(
        default_factory=list, description="Checkpoints that the measure needs beside those that are compared."
    )


class Reduction(enum.StrEnum):
    """How a feature map becomes one vector per sample, or one for each of its positions."""

    MEAN = "mean"
    FLATTEN = "flatten"
    POSITIONS = "positions"
    CLS = "cls"
    LAST_TOKEN = "last-token"  # noqa: S105  (a place in a sequence, not a secret)


class LayerPairs(enum.StrEnum):
    """Which layers meet: the same name on both sides, or every layer with every other."""

    SAME = "same"
    ALL = "all"


class ComparisonCreate(BaseModel):
    """Checkpoints, probe sets by role and measures, asked for once."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=200)] = ""
    checkpoints: Annotated[list[Id], Field(max_length=1000)]
    probe: Id
    train_probe: Id | None = None
    measures: Annotated[list[MeasureRequest | Slug], Field(min_length=1, max_length=100)]
    layers: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=200)] = Field(
        default_factory=list, description="Module names; empty means the penultimate layer."
    )
    layer_pairs: LayerPairs = LayerPairs.SAME
    reduction: Reduction = Reduction.MEAN
    precision: Literal["float32", "float64"] = "float32"
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class Reading(enum.StrEnum):
    """How the numbers of a matrix are read."""

    RAW = "raw"
    ABOVE_CHANCE = "above-chance"
    AGAINST_SEEDS = "against-seeds"


class ComparisonState(enum.StrEnum):
    """How far a comparison is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Counts(BaseModel):
    """Cells of a comparison by where they came from."""

    new: int
    reused: int


class Plan(BaseModel):
    """What a comparison would compute, before it is asked for."""

    counts: Counts
    jobs: int
    seconds: float = Field(description="Rough estimate on one worker.")


class Progress(BaseModel):
    """How far a comparison is, in the units its user thinks in."""

    state: ComparisonState
    models_done: int
    models: int
    tiles_done: int
    tiles: int
    failed: int
    seconds_left: float | None
    version: int = Field(description="Grows with every finished piece; unchanged means nothing new.")


class AskedMeasure(BaseModel):
    """A measure of a comparison, with all parameters and the layers it was asked for."""

    key: str = Field(description="Slug, or slug with parameters where a slug was asked for twice.")
    slug: str
    version: int
    parameters: dict[str, int | float | str]
    arity: str
    layers: list[tuple[str, str]]
    probe: str = ""
    role: str = ""


class Comparison(BaseModel):
    """A comparison as it is listed and opened."""

    id: Id
    project: Id
    project_name: str
    name: str
    checkpoints: list[Id]
    labels: list[str]
    probe: str
    train_probe: str | None
    measures: list[AskedMeasure]
    layers: list[str]
    reduction: str
    precision: str
    seed: int
    counts: Counts
    progress: Progress
    log: list[str]
    created: dt.datetime


class Numbers(BaseModel):
    """A block of float64 numbers; NaN where there is none."""

    shape: list[int]
    data: str = Field(description="base64 of little-endian float64, row by row.")

    @classmethod
    def of(cls, rows: list[list[float]]) -> "Numbers":
        """Pack equal rows."""
        flat = array("d", [v for row in rows for v in row])
        return cls(
            shape=[len(rows), len(rows[0]) if rows else 0],
            data=base64.b64encode(flat.tobytes()).decode(),
        )

    def rows(self) -> list[list[float]]:
        """Unpack to lists."""
        flat = array("d")
        flat.frombytes(base64.b64decode(self.data))
        width = self.shape[1] if len(self.shape) > 1 else len(flat)
        return [list(flat[i : i + width]) for i in range(0, len(flat), width)] if width else []


class MissingCell(BaseModel):
    """A place in a matrix that has a reason instead of a number."""

    row: int
    column: int
    why: str
    sentence: str


class Matrix(BaseModel):
    """One measure of all pairs (or of all models, then one column) of a comparison."""

    measure: str
    slug: str
    layer: str | None
    other_layer: str | None
    ids: list[Id]
    labels: list[str]
    values: Numbers
    low: Numbers
    high: Numbers
    missing: list[MissingCell]
    warnings: list[str]
    order: list[int] = Field(default_factory=list, description="Positions in seriated order.")
    merges: list[list[float]] = Field(default_factory=list, description="Dendrogram, rows as in scipy.")
    places: list[list[float]] = Field(default_factory=list, description="Map coordinates of the models.")
    role: str = ""
    n: int = 0
    method: str = ""
    version: int = 0
    reading: Reading = Reading.RAW
    band: Band | None = Field(default=None, description="What pairs of independent seeds score, when read against it.")


class Profile(BaseModel):
    """One measure of every model of a comparison, layer by layer."""

    measure: str
    slug: str
    ids: list[Id]
    labels: list[str]
    layers: list[str]
    values: Numbers = Field(description="(models, layers).")
    half_widths: Numbers = Field(description="Half of the 95 % sampling intervals; NaN where there is none.")
    missing: list[MissingCell]


class PairCell(BaseModel):
    """One number of a pair with everything known about it."""

    measure: str
    slug: str
    layer: str | None
    cell: dict[str, Any]
    rank: int | None = None
    of: int | None = None


class Disagreements(BaseModel):
    """Samples that two models answer differently, most surprising first."""

    total: int
    samples: list[dict[str, Any]]


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
