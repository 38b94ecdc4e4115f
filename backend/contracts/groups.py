"""Groups of checkpoints: how alike within, how alike between, and how sure."""

import enum

from pydantic import BaseModel, Field


class GroupMean(BaseModel):
    """Mean over pairs of models of different families, within one group or between two.

    ``low`` and ``high`` are for other models (seeds); ``sampling_low`` and ``sampling_high`` for other samples.
    """

    a: str
    b: str
    value: float | None
    low: float | None = None
    high: float | None = None
    sampling_low: float | None = None
    sampling_high: float | None = None
    roots_a: int = Field(description="Families of the first group: the number of independent models.")
    roots_b: int
    sentence: str = Field(default="", description="Why there is no number.")


class Groups(BaseModel):
    """One measure within and between all groups of a comparison."""

    measure: str
    layer: str | None
    groups: list[str]
    means: list[GroupMean]


class Contrast(BaseModel):
    """Whether two groups differ: within minus between, with a permutation test over families."""

    a: str
    b: str
    within: float
    between: float
    difference: float = Field(description="Within minus between, in the unit of the measure.")
    low: float | None
    high: float | None
    p: float = Field(description="Share of splits of the families at least as extreme, the real one included.")
    smallest_p: float = Field(description="No p can be smaller with this many families.")
    splits: int
    roots_a: int
    roots_b: int
    method: str


class BlockKind(enum.StrEnum):
    """What a block of a matrix is about."""

    WITHIN = "within"
    BETWEEN = "between"
    MIXED = "mixed"


class Block(BaseModel):
    """A block of a matrix: how alike its checkpoints are, and whether that is more than chance."""

    measure: str
    layer: str | None
    kind: BlockKind = Field(description="Rows are columns, rows and columns are apart, or they share some.")
    mean: GroupMean | None = Field(default=None, description="Over the pairs of the block, unless it is mixed.")
    others: GroupMean | None = Field(default=None, description="Between a block within and all other checkpoints.")
    test: Contrast | None = None
    sentence: str = Field(default="", description="Why there is no test, or how to read it.")


class Band(BaseModel):
    """What pairs of independent seeds score: the pairs of different families within one group."""

    group: str
    roots: int
    pairs: int
    mean: float
    deviation: float
    low: float
    high: float
