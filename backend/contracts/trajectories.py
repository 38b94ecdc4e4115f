"""A measure along training: a line for every run, and what each point is held against."""

from enum import StrEnum

from pydantic import BaseModel, Field

from kinscape.backend.contracts.projects import Id


class Against(StrEnum):
    """What a checkpoint of a run is held against."""

    ITSELF = "itself"
    END = "end"
    START = "start"
    BEFORE = "before"
    OTHER = "other"


class TrainingRun(BaseModel):
    """Checkpoints of one run in the order of their steps."""

    run: str
    group: str
    checkpoints: list[Id]
    steps: list[int]


class TrajectoryLine(BaseModel):
    """One measure along one run.

    Attributes:
        place: of the run among the runs.
        against: the run's end or start, the step before, another run at the same step; itself for measures of single
            models.
        other: place of the other run, where there is one.
        values, low, high: null where there is no number.
    """

    place: int
    against: Against
    other: int | None = None
    steps: list[int]
    values: list[float | None]
    low: list[float | None]
    high: list[float | None]


class FirstPassage(BaseModel):
    """When a line first reaches a limit.

    Attributes:
        step: null where it never does: it was watched up to ``watched``, and may reach it later.
    """

    place: int
    against: Against
    step: int | None
    watched: int


class PassageTest(BaseModel):
    """Whether runs of one group reach a limit sooner than those of another: the exact Gehan test, two-sided.

    Attributes:
        sooner: the group whose runs tend to reach it first; empty where neither does.
        smallest_p: that so many runs can have.
    """

    against: Against
    groups: tuple[str, str]
    runs: tuple[int, int]
    sooner: str
    p: float
    smallest_p: float


class Trajectories(BaseModel):
    """One measure along all runs of a comparison.

    Attributes:
        sentence: why there is nothing to show, or what was left out; else empty.
        passages, tests: of the limit that was asked about.
    """

    measure: str
    slug: str
    layer: str | None
    runs: list[TrainingRun]
    lines: list[TrajectoryLine]
    sentence: str = ""
    passages: list[FirstPassage] = Field(default_factory=list)
    tests: list[PassageTest] = Field(default_factory=list)
