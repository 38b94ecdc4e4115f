"""Comparisons: what is asked of which checkpoints, and how far they are."""

import datetime as dt
import enum
import hashlib
import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kinscape.backend.contracts.cards import Arity, Slug
from kinscape.backend.contracts.projects import Id, Notes, printable

PENULTIMATE = "penultimate"
# What a measure's name in a comparison says of a probe set of its own, by the first of its hash.
OWN_SET = re.compile(r"\(probe=\w+\)|,probe=\w+(?=\)$)")
OUTPUT = "output"


class MeasureRequest(BaseModel):
    """A measure with the parameters that differ from its defaults."""

    model_config = ConfigDict(extra="forbid")
    slug: Slug
    parameters: Annotated[dict[str, int | float | str], Field(max_length=20)] = Field(default_factory=dict)
    references: Annotated[list[Id], Field(max_length=100)] = Field(
        default_factory=list, description="Checkpoints that the measure needs beside those that are compared."
    )
    probe: Id | None = Field(default=None, description="Held-out samples of its own; the comparison's when left out.")


class Reduction(enum.StrEnum):
    """How a feature map becomes one vector per sample, or one for each of its positions."""

    MEAN = "mean"
    FLATTEN = "flatten"
    POSITIONS = "positions"
    CLS = "cls"
    LAST_TOKEN = "last-token"  # noqa: S105  (a place in a sequence, not a secret)


class Precision(enum.StrEnum):
    """Width of the numbers in a forward pass."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"


class LayerPairs(enum.StrEnum):
    """Which layers meet: the same name on both sides, or every layer with every other."""

    SAME = "same"
    ALL = "all"


class ComparisonCreate(BaseModel):
    """Checkpoints, probe sets by role and measures, asked for once."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=200), AfterValidator(printable)] = ""
    checkpoints: Annotated[list[Id], Field(max_length=1000)]
    probe: Id
    train_probe: Id | None = None
    also_on: Annotated[list[Id], Field(max_length=200)] = Field(
        default_factory=list,
        description="Other probe sets, such as shifted ones: every measure of outputs and features is asked there too.",
    )
    measures: Annotated[list[MeasureRequest | Slug], Field(min_length=1, max_length=100)]
    layers: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=200)] = Field(
        default_factory=list, description="Module names; empty means the penultimate layer."
    )
    layer_pairs: LayerPairs = LayerPairs.SAME
    reduction: Reduction = Reduction.MEAN
    precision: Precision = Precision.FLOAT32
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    pairs: Annotated[list[tuple[Id, Id]], Field(max_length=200_000)] = Field(
        default_factory=list, description="The pairs that are compared, in any direction; all when left out."
    )
    detail_of: Id | None = Field(
        default=None, description="The comparison on whose page this is asked; it is not listed beside that one."
    )


class SpecifiedMeasure(BaseModel):
    """A measure of a comparison with every parameter, under the name that it has there."""

    model_config = ConfigDict(frozen=True)
    slug: Slug
    version: int
    parameters: dict[str, int | float | str]
    name: str
    references: list[Id] = Field(default_factory=list)
    probe: Id | None = None


class Specification(BaseModel):
    """What was asked, with every default filled in; what is stored of a request."""

    model_config = ConfigDict(frozen=True)
    checkpoints: list[Id]
    probe: Id
    train_probe: Id | None
    measures: list[SpecifiedMeasure]
    layers: list[str]
    layer_pairs: LayerPairs
    reduction: Reduction
    precision: Precision
    seed: int
    pairs: list[tuple[Id, Id]] = Field(default_factory=list, description="Ascending; all pairs where empty.")

    @property
    def probes(self) -> set[int]:
        """Every probe set that it asks about."""
        return {i for i in (self.probe, self.train_probe, *(m.probe for m in self.measures)) if i is not None}

    def digest(self) -> str:
        """Equal for equal questions, whatever the order of the checkpoints."""
        fields = self.model_dump(mode="json")
        for measure in fields["measures"]:
            if not measure["references"]:
                # Digests of comparisons that were asked before there were references stay what they are.
                del measure["references"]
            if measure["probe"] is None:
                # As do those of before measures had probe sets of their own.
                del measure["probe"]
        if not self.pairs:
            # As do those of comparisons of all pairs.
            del fields["pairs"]
        text = json.dumps({**fields, "checkpoints": sorted(self.checkpoints)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def extended(self, added: list[int], *, name: str) -> ComparisonCreate:
        """A request for the same with more checkpoints."""
        measures: list[Any] = [
            m.model_dump(include={"slug", "parameters", "references", "probe"}) for m in self.measures
        ]
        return ComparisonCreate(
            name=name,
            checkpoints=list(dict.fromkeys([*self.checkpoints, *added])),
            measures=measures,
            layers=[] if self.layers == [PENULTIMATE] else self.layers,
            **self.model_dump(include={"probe", "train_probe", "layer_pairs", "reduction", "precision", "seed"}),
        )


class ComparisonChange(BaseModel):
    """What may be changed of a comparison after it was asked for."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=200), AfterValidator(printable)] | None = None
    notes: Notes | None = None


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


class Progress(BaseModel):
    """How far a comparison is, in the units its user thinks in."""

    state: ComparisonState
    models_done: int
    models: int
    tiles_done: int
    tiles: int
    failed: int
    seconds_left: float | None
    waiting: str = Field(default="", description="Why work does not go on; empty while it does.")
    version: int = Field(description="Grows with every finished piece; unchanged means nothing new.")


class AskedMeasure(BaseModel):
    """A measure of a comparison, with all parameters and the layers it was asked for."""

    key: str = Field(description="Slug, or slug with parameters where a slug was asked for twice.")
    slug: str
    version: int
    parameters: dict[str, int | float | str]
    arity: Arity
    layers: list[tuple[str, str]]
    references: list[Id] = Field(
        default_factory=list, description="Checkpoints that it needed beside those that are compared."
    )
    probe: str = Field(default="", description="Its own probe set; empty where it is the comparison's.")
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
    layer_pairs: LayerPairs = LayerPairs.SAME
    reduction: str
    precision: str
    seed: int
    counts: Counts
    progress: Progress
    log: list[str]
    notes: str = ""
    study: Id | None = Field(default=None, description="The newest study that it answers.")
    detail_of: Id | None = Field(default=None, description="The comparison on whose page it was asked.")
    created: dt.datetime
