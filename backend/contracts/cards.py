"""A measure's card: everything a reader needs to interpret one of its numbers."""

import enum
import json
import math
import numbers
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from kinscape.backend.contracts.problems import Unprocessable

# A shorter beginning fits too many slugs to be a hint.
FEWEST_LETTERS = 3

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Slug = Annotated[str, Field(pattern=SLUG, max_length=64)]


class Family(enum.StrEnum):
    """What kind of thing a measure looks at."""

    FUNCTIONAL = "functional"
    REPRESENTATIONAL = "representational"
    WEIGHTS = "weights"
    LANDSCAPE = "landscape"
    CALIBRATION = "calibration"
    ROBUSTNESS = "robustness"
    GEOMETRY = "geometry"


class Topic(enum.StrEnum):
    """What a measure is about; measures are listed under it."""

    FUNCTIONAL_SIMILARITY = "Functional similarity"
    REPRESENTATIONAL_SIMILARITY = "Representational similarity"
    WEIGHT_SIMILARITY = "Weight similarity"
    REPRESENTATION_GEOMETRY = "Geometry of representations"
    WEIGHT_SPECTRA = "Norms and spectra of weights"
    LOSS_LANDSCAPE = "Loss landscape and sharpness"
    CALIBRATION = "Calibration"
    ROBUSTNESS = "Robustness"


class Arity(enum.StrEnum):
    """How many checkpoints one number is about."""

    MODEL = "model"
    PAIR = "pair"


class Input(enum.StrEnum):
    """What a measure is given of each checkpoint."""

    OUTPUTS = "outputs"
    FEATURES = "features"
    WEIGHTS = "weights"
    NETWORK = "network"


class Role(enum.StrEnum):
    """Which probe set of a comparison a measure reads."""

    HELD_OUT = "held-out"
    TRAIN = "train"
    BOTH = "train and held-out"
    NONE = "none"


class Direction(enum.StrEnum):
    """Which end of the scale means alike, or better."""

    HIGHER_IS_ALIKE = "higher is more alike"
    LOWER_IS_ALIKE = "lower is more alike"
    HIGHER_IS_BETTER = "higher is better"
    LOWER_IS_BETTER = "lower is better"
    LOWER_IS_FLATTER = "lower is flatter"
    NEAR_ZERO_IS_ALIKE = "nearer to zero is more alike"
    NEITHER = "neither end is better"


class Change(enum.StrEnum):
    """A change to one of the two sides (or to the one network) that a measure may ignore."""

    PERMUTE_FEATURES = "order of the features"
    ROTATE_FEATURES = "rotation of the features"
    SCALE_FEATURES = "one scale for all features"
    SCALE_EACH_FEATURE = "a scale for each feature"
    SHIFT_FEATURES = "a shift of each feature"
    SHIFT_LOGITS = "a shift of a sample's logits"
    SCALE_LOGITS = "temperature of the logits"
    SCALE_WEIGHTS = "one scale for all weights"
    PERMUTE_UNITS = "order of the hidden units"
    RESCALE_LAYERS = "function-preserving rescaling of layers"


class Uncertainty(enum.StrEnum):
    """How the interval of a measure is made."""

    MEAN_JACKKNIFE = "delete-a-group jackknife of a mean over samples"
    JACKKNIFE = "delete-a-group jackknife"
    FIRST_ORDER = "delete-a-group jackknife, to first order"
    DRAWS = "error over random draws only"
    EXACT = "none: the number is exact for these weights"


class Pace(enum.StrEnum):
    """How expensive one cell is; decides how many share a tile."""

    PRODUCT = "product"
    PAIR = "pair"
    PATH = "path"


class Parameter(BaseModel):
    """One typed setting of a measure; part of the key of every cell."""

    model_config = ConfigDict(frozen=True)
    name: str
    default: int | float | str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def checked(self, value: Any, *, slug: str) -> int | float | str:
        """The value in this parameter's type, or a sentence that says what is allowed."""
        where = f"parameter {self.name!r} of {slug}"
        if isinstance(self.default, str):
            if value not in self.choices:
                raise Unprocessable(f"{where} must be one of {', '.join(self.choices)}, not {value!r}.")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or math.isnan(float(value)):
            raise Unprocessable(f"{where} must be a number, not {str(value)[:40]!r}.")
        value = float(value)
        if isinstance(self.default, int) and value != int(value):
            raise Unprocessable(f"{where} must be a whole number, not {value!r}.")
        low = -float("inf") if self.minimum is None else self.minimum
        high = float("inf") if self.maximum is None else self.maximum
        if not low <= value <= high:
            raise Unprocessable(f"{where} must lie between {low:g} and {high:g}, not {value!r}.")
        return int(value) if isinstance(self.default, int) else float(value)


class Card(BaseModel):
    """What one measure is, in the words and symbols of its field."""

    model_config = ConfigDict(frozen=True)
    slug: Slug
    version: int = Field(default=1, ge=1)
    title: str
    summary: str = Field(default="", description="What the number says, one sentence; the measure's docstring.")
    family: Family
    topic: Topic
    arity: Arity = Arity.PAIR
    input: Input
    formula: str = Field(description="LaTeX, without delimiters.")
    low: float | None = Field(description="Smallest possible value; null when unbounded.")
    high: float | None = Field(description="Largest possible value; null when unbounded.")
    identical: float | None = Field(
        default=None,
        description="Value of a checkpoint with itself; null for one model, and where it differs by model.",
    )
    direction: Direction
    symmetric: bool = True
    ignores: frozenset[Change] = Field(default=frozenset(), description="Changes of either side, or of the first.")
    ignores_of_second: frozenset[Change] | None = Field(
        default=None, description="Changes of the second side, where they differ from those of the first."
    )
    role: Role
    needs_labels: bool = False
    uncertainty: Uncertainty
    counts_events: bool = Field(default=False, description="Whether the value is a share of samples.")
    reliable_from: str
    pitfalls: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    references: tuple[int, int] = Field(
        default=(0, 0), description="Fewest and most checkpoints to name beside those that are compared."
    )
    references_help: str = Field(default="", description="Which checkpoints those are.")
    pace: Pace = Pace.PAIR
    has_chance_level: bool = Field(
        default=False, description="Whether shuffled samples show what unrelated models score."
    )
    takes_positions: bool = Field(
        default=False, description="Whether every position of a feature map may count as a sample."
    )
    tolerance: float = Field(default=1e-6, description="How far two correct computations may differ.")

    @model_validator(mode="before")
    @classmethod
    def _usual_chance_level(cls, fields: Any) -> Any:
        """Pairs of outputs or features have a chance level unless the card says otherwise."""
        if not isinstance(fields, dict) or "has_chance_level" in fields:
            return fields
        by_sample = fields.get("input") in (Input.FEATURES, Input.OUTPUTS)
        return {**fields, "has_chance_level": by_sample and fields.get("arity", Arity.PAIR) == Arity.PAIR}

    @field_validator("summary", "reliable_from", "pitfalls", "source")
    @classmethod
    def _is_told(cls, words: str, what: ValidationInfo) -> str:
        if len(words.strip()) < FEWEST_LETTERS:
            raise ValueError(f"The measure {what.data.get('slug')!r} comes without {what.field_name}.")
        return words

    @property
    def higher_is_alike(self) -> bool:
        """Whether larger values mean more alike, or better."""
        return self.direction in (Direction.HIGHER_IS_ALIKE, Direction.HIGHER_IS_BETTER)

    @property
    def is_signed(self) -> bool:
        """Whether values lie on both sides of the value of equal models."""
        return self.direction is Direction.NEAR_ZERO_IS_ALIKE

    def unlikeness(self, value: Any) -> Any:
        """A number, or an array of them, that grows as two models grow apart; comparable within one measure only."""
        if self.is_signed:
            return abs(value)
        return -value if self.higher_is_alike else value

    def is_closer(self, a: float, b: float) -> bool:
        """Whether the first of two values means more alike, or better."""
        return bool(self.unlikeness(a) < self.unlikeness(b))

    def settings(self, given: dict[str, Any]) -> dict[str, int | float | str]:
        """Every parameter with its value: the given one where given, else the default."""
        known = {p.name: p for p in self.parameters}
        for name in given:
            if name not in known:
                has = ", ".join(known) or "none"
                raise Unprocessable(f"{self.slug} has no parameter {name!r}; its parameters: {has}.")
        return {p.name: p.checked(given.get(p.name, p.default), slug=self.slug) for p in self.parameters}


# What an architecture's argument may be.
Setting = bool | int | float | Annotated[str, Field(max_length=20_000)]


class ArgumentKind(enum.StrEnum):
    """What values an argument of an architecture takes."""

    WHOLE = "whole"
    NUMBER = "number"
    SWITCH = "switch"
    TEXT = "text"


class ArchitectureArgument(BaseModel):
    """One argument of an architecture of the registry."""

    model_config = ConfigDict(frozen=True)
    name: str
    default: Setting
    help: str
    kind: ArgumentKind = ArgumentKind.WHOLE
    minimum: int = Field(default=1, description="Least whole number.")
    maximum: int = Field(default=4096, description="Greatest whole number.")
    choices: tuple[str, ...] = Field(default=(), description="The texts that are taken; empty where any is.")

    def wrong(self, value: Setting) -> str:
        """What this argument must be, where a value is something else; empty where the value can be used."""
        if self.kind is ArgumentKind.SWITCH:
            return "" if isinstance(value, bool) else "must be true or false"
        if self.kind is ArgumentKind.TEXT:
            is_taken = isinstance(value, str) and (not self.choices or value in self.choices)
            wanted = f"one of {', '.join(self.choices)}" if self.choices else "text"
            return "" if is_taken else f"must be {wanted}"
        if self.kind is ArgumentKind.NUMBER:
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            return "" if is_number else "must be a number"
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if is_whole and self.minimum <= value <= self.maximum:  # type: ignore[operator]
            return ""
        return f"must be a whole number from {self.minimum} to {self.maximum}"

    def read(self, text: str) -> Setting | None:
        """The value that a text stands for; None where it stands for none."""
        try:
            value: Setting = text if self.kind is ArgumentKind.TEXT else json.loads(text)
        except ValueError:
            return None
        return None if self.wrong(value) else value


class ArchitectureCard(BaseModel):
    """An architecture that Kinscape can build by name."""

    model_config = ConfigDict(frozen=True)
    name: Slug
    summary: str
    arguments: tuple[ArchitectureArgument, ...]
    tensors: dict[str, tuple[int, ...]] = Field(description="Names and shapes at the default arguments.")
    layers: tuple[str, ...] = Field(description="Modules whose outputs can be compared, at the defaults.")
