"""The decorator that turns one function and its card into a measure."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from backend.contracts.cards import (
    Arity,
    Card,
    Change,
    Direction,
    Family,
    Input,
    Pace,
    Parameter,
    Question,
    Role,
    Uncertainty,
)

Settings = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """What a measure of a network returns when it knows its own uncertainty.

    Attributes:
        value: the number.
        replicates: ``(groups,)`` values with one group of samples left out.
        monte_carlo_error: standard error over random draws.
        notes: what was found beside the number.
        warning: a sentence that belongs beside the number.
    """

    value: float
    replicates: Tensor | None = None
    monte_carlo_error: float | None = None
    notes: dict[str, float | int | str] = field(default_factory=dict)
    warning: str = ""


@dataclass(frozen=True)
class Measure:
    """A card with the functions that keep its promises."""

    card: Card
    compute: Callable[..., Any]
    prepare: Callable[..., Any]
    matrix: Callable[..., Tensor] | None
    undefined: str
    small: Callable[[int, int], str] | None

    def of_pair(self, left: Any, right: Any, settings: Settings) -> Any:
        """The number of two prepared models."""
        return self.compute(left, right, **settings)

    def of_model(self, prepared: Any, settings: Settings) -> Any:
        """The number of one prepared model."""
        return self.compute(prepared, **settings)


def same(value: Any, **_: Any) -> Any:
    """The preparation of a measure that needs none."""
    return value


def measure(
    *,
    slug: str,
    title: str,
    family: Family,
    question: Question,
    formula: str,
    input: Input,
    bounds: tuple[float | None, float | None],
    direction: Direction,
    role: Role,
    uncertainty: Uncertainty,
    reliable_from: str,
    pitfalls: str,
    source: str,
    version: int = 1,
    arity: Arity = Arity.PAIR,
    identical: float | None = None,
    symmetric: bool = True,
    ignores: set[Change] | None = None,
    needs_labels: bool = False,
    counts_events: bool = False,
    parameters: tuple[Parameter, ...] = (),
    pace: Pace = Pace.PAIR,
    tolerance: float = 1e-6,
    prepare: Callable[..., Any] = same,
    matrix: Callable[..., Tensor] | None = None,
    undefined: str = "The number is 0/0 for this input.",
    small: Callable[[int, int], str] | None = None,
) -> Callable[[Callable[..., Any]], Measure]:
    """Make a measure of the function below; its first docstring line is the card's summary.

    Args:
        prepare: runs once per model; its result is what the function is given.
        matrix: all pairs of two lists of prepared models at once, ``(left, right)``;
            must equal the function pair by pair.
        undefined: the sentence shown where the number does not exist.
        small: a warning for ``(samples, width)``, or an empty string.
    """

    def decorate(function: Callable[..., Any]) -> Measure:
        summary = (inspect.getdoc(function) or "").split("\n", 1)[0]
        card = Card(
            slug=slug, version=version, title=title, summary=summary, family=family,
            question=question, arity=arity, input=input, formula=formula, low=bounds[0],
            high=bounds[1], identical=identical, direction=direction, symmetric=symmetric,
            ignores=frozenset(ignores or ()), role=role, needs_labels=needs_labels, counts_events=counts_events,
            uncertainty=uncertainty, reliable_from=reliable_from, pitfalls=pitfalls,
            source=source, parameters=parameters, pace=pace, tolerance=tolerance,
        )  # fmt: skip
        return Measure(card, function, prepare, matrix, undefined, small)

    return decorate
