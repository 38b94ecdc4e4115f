"""Studies: a question about networks, who plays which role in it, and what the right test answers."""

import datetime as dt
import enum
import hashlib
import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kinscape.backend.contracts.cards import Slug
from kinscape.backend.contracts.comparisons import MeasureRequest
from kinscape.backend.contracts.projects import Id, Name, Notes, printable

# The two readings of an association.
RAW = "raw"
HELD_STILL = "controlling for train loss"
# A filter as in the library, or names and numbers of checkpoints.
Selector = Annotated[str, Field(max_length=500)] | Annotated[list[Id | Name], Field(max_length=1000)]
# Below it, no exact test of sixteen units or fewer says anything.
Level = Annotated[float, Field(ge=0.0001, le=0.5)]
Tag = Annotated[str, Field(max_length=60)]
# Two roles, or two conditions, of which the first is expected to be closer, better or flatter.
Contrast = tuple[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=200)]]


class RoleCard(BaseModel):
    """A role that checkpoints play in a study."""

    model_config = ConfigDict(frozen=True)
    name: Slug
    title: str
    help: str
    fewest: int = Field(description="0 where a study does without it.")


class TemplateCard(BaseModel):
    """A kind of study: its question, roles, measures, test and pitfalls."""

    model_config = ConfigDict(frozen=True)
    name: Slug
    title: str
    question: str
    method: str = Field(description="What is compared with what, by which test.")
    source: str
    roles: tuple[RoleCard, ...]
    measures: tuple[MeasureRequest, ...]
    layers: tuple[str, ...] = ()
    needs_train: bool = Field(default=False, description="Whether a probe set of train samples is needed.")
    pitfalls: tuple[str, ...]


class StudyCreate(BaseModel):
    """A study to be made: a template, and who plays which role."""

    model_config = ConfigDict(extra="forbid")
    template: Slug
    name: Annotated[str, Field(max_length=200), AfterValidator(printable)] = ""
    roles: Annotated[dict[Slug, Selector], Field(max_length=30)] = Field(
        default_factory=dict, description="A filter or checkpoints by role; roles left out are filled from lineage."
    )
    probe: Id | Name
    train_probe: Id | Name | None = None
    also_on: Annotated[list[Id | Name], Field(max_length=200)] = Field(
        default_factory=list,
        description="Other probe sets, such as shifted ones, on which measures of outputs and features are read too.",
    )
    measures: Annotated[list[MeasureRequest | Slug], Field(max_length=60)] = Field(
        default_factory=list, description="The template's own when left out."
    )
    contrasts: Annotated[list[Contrast], Field(max_length=30)] = Field(
        default_factory=list,
        description="Contrasts beside the template's own: of two roles or conditions, the first against the second.",
    )
    match: Tag = Field(
        default="seed", description="Tag that says which networks of different conditions belong together."
    )
    level: Level = 0.05


class StudyChange(BaseModel):
    """What may be changed of a study; of one that is preregistered, each change is listed."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=200), AfterValidator(printable)] | None = None
    notes: Notes | None = None
    roles: Annotated[dict[Slug, Selector], Field(max_length=30)] | None = None
    level: Level | None = None


class CastMember(BaseModel):
    """A checkpoint as it was when a study was frozen: what it is, and what is said of it."""

    model_config = ConfigDict(frozen=True)
    id: Id
    name: str
    group: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    parent_id: int | None = None
    root_id: int | None = None
    init_of_id: int | None = None
    teacher_id: int | None = None
    run: str = ""
    step: int | None = None
    content_hash: str | None = None


class StudySpecification(BaseModel):
    """What a study asks, with every default filled in; what is frozen by preregistration."""

    model_config = ConfigDict(frozen=True)
    template: Slug
    question: str
    method: str
    roles: dict[str, list[Id]]
    chosen_by: dict[str, str] = Field(description="How each role was filled, in words.")
    probe: Id
    train_probe: Id | None
    also_on: list[Id] = Field(default_factory=list)
    measures: list[MeasureRequest]
    layers: list[str]
    contrasts: list[Contrast] = Field(default_factory=list)
    match: str
    level: float
    cast: list[CastMember] = Field(default_factory=list, description="Empty until the study is preregistered or run.")

    @property
    def probes(self) -> set[int]:
        """Every probe set that it asks about."""
        return {i for i in (self.probe, self.train_probe, *self.also_on) if i is not None}

    def digest(self) -> str:
        """Equal for equal studies."""
        fields = self.model_dump(mode="json")
        # Studies that were frozen before there were these keep their hash.
        for name in ("also_on", "contrasts"):
            if not fields[name]:
                del fields[name]
        for measure in fields["measures"]:
            if measure["probe"] is None:
                del measure["probe"]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


class Power(BaseModel):
    """What so many independent units can show."""

    units: int = Field(description="Independent units of the test.")
    unit: str = Field(description="What they are, in the plural.")
    smallest_p: float | None = Field(description="No p can be smaller; null where nothing is tested.")
    detectable: float | None = Field(
        default=None,
        description="Smallest mean difference, in standard deviations of differences, found in four studies of five.",
    )
    sentence: str


class Registration(BaseModel):
    """What was frozen, and when."""

    model_config = ConfigDict(frozen=True)
    time: dt.datetime
    hash: str
    specification: StudySpecification
    power: Power
    cells_known: int = Field(description="Cells that had been computed before: what may have been seen.")


class StudyState(enum.StrEnum):
    """How far a study is."""

    DRAFT = "draft"
    REGISTERED = "registered"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Change(BaseModel):
    """A change after preregistration."""

    time: dt.datetime
    what: str


class Member(BaseModel):
    """A checkpoint in its role."""

    id: Id
    name: str
    unit: str = Field(default="", description="What it belongs to: its teacher, its parent, its seed.")


class Study(BaseModel):
    """A study as it is listed and opened."""

    id: Id
    project: Id
    project_name: str
    name: str
    template: TemplateCard
    state: StudyState
    roles: dict[str, list[Member]]
    chosen_by: dict[str, str]
    probe: str
    train_probe: str | None
    also_on: list[str] = Field(default_factory=list)
    contrasts: list[Contrast] = Field(default_factory=list, description="Beside those of the template.")
    measures: list[str]
    level: float
    match: str
    power: Power
    comparison: Id | None
    registration: Registration | None
    changes: list[Change]
    drift: list[str] = Field(default_factory=list, description="What became different since it was frozen.")
    hash: str
    notes: str
    created: dt.datetime


class EffectKind(enum.StrEnum):
    """What a number of a study is."""

    MEAN = "mean"
    CONTRAST = "contrast"
    ASSOCIATION = "association"


class Effect(BaseModel):
    """One number of a study: a mean over units, or a contrast of two roles with its test.

    ``p`` tests the hypothesis of the template, ``p_opposite`` its opposite; either is adjusted over the tests of its
    suite, and the opposite, which was not expected, is doubled.
    """

    suite: str = ""
    measure: str
    title: str
    contrast: str
    kind: EffectKind = Field(description="A mean of one role, a contrast of two, or an association of two measures.")
    effect: float | None
    low: float | None = Field(default=None, description="Of the 95 % interval over units, for these samples.")
    high: float | None = None
    low_both: float | None = Field(default=None, description="Of the 95 % interval over units and samples.")
    high_both: float | None = None
    statistic: float | None = Field(default=None, description="Rank-biserial correlation, or a coefficient.")
    p: float | None = None
    p_opposite: float | None = None
    p_adjusted: float | None = None
    p_opposite_adjusted: float | None = None
    smallest_p: float | None = None
    equivalent_within: float | None = Field(
        default=None,
        description="Two one-sided t tests at 5 % rule out a mean difference beyond ± this.",
    )
    n: int = 0
    unit: str = ""
    test: str = ""
    adjustment: str = ""
    sign: int = Field(default=-1, description="-1 where the hypothesis is a negative effect, 1 where a positive one.")
    hypothesis: str = Field(default="", description="What a small p supports, and what a small opposite p does.")
    opposite: str = ""
    sentence: str = Field(default="", description="Why there is no number, or no test.")


class Dots(BaseModel):
    """One measure of each unit, role by role."""

    title: str
    measure: str
    unit: str
    roles: list[str]
    units: list[str]
    values: list[list[float | None]] = Field(description="(roles, units)")


class Line(BaseModel):
    """One run along its steps."""

    name: str
    group: str
    steps: list[int]
    values: list[float | None]


class Lines(BaseModel):
    """One measure along training, run by run."""

    title: str
    measure: str
    lines: list[Line]


class Grid(BaseModel):
    """One measure over the settings of two tags."""

    title: str
    measure: str
    rows: list[str]
    columns: list[str]
    row_tag: str
    column_tag: str
    values: list[list[float | None]]


class StudyResults(BaseModel):
    """What a study found."""

    study: Id
    verdict: list[str] = Field(
        description="What was found: the headline, then sentences with effect, interval and test."
    )
    headline: list[str] = Field(default_factory=list, description="The first sentences of it: the answer in short.")
    effects: list[Effect]
    dots: list[Dots] = Field(default_factory=list)
    lines: list[Lines] = Field(default_factory=list)
    grids: list[Grid] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    version: int


class StudyAnswer(BaseModel):
    """What a study asked and found, without who made it: for everybody who may see its comparison."""

    template: TemplateCard
    state: StudyState
    level: float
    power: Power
    counts: dict[str, int] = Field(description="How many networks play each role.")
    registered: dt.datetime | None
    hash: str
    changes: int = Field(description="How often it was changed after it was preregistered.")
    results: StudyResults


class StudyPlan(BaseModel):
    """What a study would use and compute; nothing is written."""

    roles: dict[str, list[Member]]
    chosen_by: dict[str, str]
    left_out: list[str] = Field(description="Checkpoints without a role.")
    power: Power
    cells_new: int
    cells_known: int
    seconds: float
    warnings: list[str] = Field(default_factory=list)


class LevelChoice(BaseModel):
    """At which level a preregistered study tests."""

    model_config = ConfigDict(extra="forbid")
    level: Level | None = None


def selector_in_words(selector: Any) -> str:
    """A selector as people read it."""
    if isinstance(selector, str):
        return f"filter {selector}" if selector.strip() else "nobody"
    return "chosen one by one"
