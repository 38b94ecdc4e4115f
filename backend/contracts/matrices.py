"""Matrices as they are sent: packed numbers, and reasons where there is none."""

import base64
import enum
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from kinscape.backend.contracts.cells import Reason
from kinscape.backend.contracts.groups import Band
from kinscape.backend.contracts.projects import Id


class Reading(enum.StrEnum):
    """How the numbers of a matrix are read."""

    RAW = "raw"
    ABOVE_CHANCE = "above-chance"
    AGAINST_SEEDS = "against-seeds"


class Numbers(BaseModel):
    """A block of float64 numbers; NaN where there is none."""

    shape: list[int]
    data: str = Field(description="base64 of little-endian float64, row by row.")

    @classmethod
    def of(cls, values: npt.NDArray[np.floating[Any]]) -> "Numbers":
        """Pack an array."""
        return cls(shape=list(values.shape), data=base64.b64encode(values.astype("<f8").tobytes()).decode())

    def array(self) -> npt.NDArray[np.float64]:
        """Unpack."""
        return np.frombuffer(base64.b64decode(self.data), "<f8").astype(np.float64).reshape(self.shape)


class MissingCell(BaseModel):
    """A place in a matrix that has a reason instead of a number."""

    row: int
    column: int
    why: str
    sentence: str


class MatrixHeader(BaseModel):
    """What there is to know about a matrix beside its numbers."""

    measure: str
    slug: str
    layer: str | None
    other_layer: str | None
    ids: list[Id]
    labels: list[str]
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


class PackedHeader(MatrixHeader):
    """The header of a matrix that is sent as arrays.

    Beside ``values``, ``low`` and ``high`` there is an array ``reasons``: positions in the list of this header, -1
    where there is a number.
    """

    reasons: list[Reason]


class CompactHeader(PackedHeader):
    """The header of a matrix that is sent as float32, for drawing.

    Reasons are listed only where ``has_reasons``.
    """

    columns: int
    is_triangle: bool = Field(description="Whether only the places on and above the diagonal are sent.")
    has_reasons: bool


class MatrixLists(MatrixHeader):
    """One measure of all pairs (or of all models, then one column) of a comparison."""

    values: Numbers
    low: Numbers
    high: Numbers
    missing: list[MissingCell]


class ModelColumn(BaseModel):
    """One measure of single models, as a column of a table."""

    measure: str
    slug: str
    layer: str | None
    n: int
    role: str
    method: str
    warnings: list[str]


class ModelTable(BaseModel):
    """Every measure of single models of a comparison."""

    ids: list[Id]
    labels: list[str]
    columns: list[ModelColumn]
    values: Numbers = Field(description="(models, columns).")
    low: Numbers = Field(description="Lower ends of 95 % intervals; NaN where there is none.")
    high: Numbers
    missing: list[MissingCell]
    version: int


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
