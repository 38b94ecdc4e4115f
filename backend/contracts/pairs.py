"""One pair of checkpoints: its numbers, their differences to another pair, the samples it disagrees on."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from kinscape.backend.contracts.cells import Cell

# As many as fit a page; each is a small image.
MOST_SAMPLES = 24


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


class Which(StrEnum):
    """Which samples of a pair are listed."""

    DIFFERENT = "different"
    ONLY_A = "only-a"
    ONLY_B = "only-b"
    BOTH_WRONG = "both-wrong"


class Outcomes(BaseModel):
    """On how many labelled samples each of two models is right, and whether their accuracies differ.

    Attributes:
        both_wrong: of them ``wrong_alike`` with the same class.
        difference: accuracy of the first minus that of the second, with its 95 % interval; ``p`` of no difference.
    """

    both_right: int
    only_a: int
    only_b: int
    both_wrong: int
    wrong_alike: int
    difference: float
    low: float
    high: float
    p: float
    method: str


class ClassPair(BaseModel):
    """How many samples the first model gives one class and the second another."""

    a: int
    b: int
    samples: int


class Disagreements(BaseModel):
    """Samples that two models predict differently, most confident first.

    Attributes:
        total: how many of them were asked for; ``samples`` are some of these.
        of: samples, or positions, that both answered.
        different: how many get another class from each.
        outcomes: None without labels.
        confusion: ``(classes, classes)`` how often the first gives a row's class where the second gives a column's;
            empty beyond MOST_CLASSES classes.
        class_pairs: the most frequent two different classes.
    """

    total: int
    samples: list[DisagreeingSample]
    of: int = 0
    different: int = 0
    outcomes: Outcomes | None = None
    confusion: list[list[int]] = []
    class_pairs: list[ClassPair] = []


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
