"""Groups of checkpoints: how alike within, how alike between, and how sure."""

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


class Band(BaseModel):
    """What pairs of independent seeds score: the pairs of different families within one group."""

    group: str
    roots: int
    pairs: int
    mean: float
    deviation: float
    low: float
    high: float
