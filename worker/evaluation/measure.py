"""The decorator that turns one function and its card into a measure."""

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

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
        series: columns of equal length behind the number, such as a curve; None is a gap.
        warning: a sentence that belongs beside the number.
    """

    value: float
    replicates: Tensor | None = None
    monte_carlo_error: float | None = None
    notes: dict[str, float | int | str] = field(default_factory=dict)
    series: Mapping[str, Sequence[float | str | None]] = field(default_factory=dict)
    warning: str = ""


@dataclass(frozen=True)
class Block:
    """Models whose pairs are asked for at once.

    Attributes:
        items: features ``(samples, width)`` of each model, or ``(samples, positions, width)``; widths may differ.
        pairs: ``(pairs, 2)`` numbers of the items that meet.
        groups: rows to leave out together; empty when no interval is wanted.
        kept: what measures that share a pass keep for one another.
    """

    items: list[Tensor]
    pairs: Tensor
    groups: tuple[Tensor, ...] = ()
    kept: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """A value that several measures of the same items need, made by the first."""
        place = (key, tuple(id(x) for x in self.items), len(self.groups))
        if place not in self.kept:
            # The items are kept with it: an identity is only unique while its object lives.
            self.kept[place] = (make(), self.items)
        return self.kept[place][0]


@dataclass(frozen=True)
class Together:
    """Values ``(pairs,)`` and leave-one-group-out values ``(groups, pairs)`` of a block, float64."""

    values: Tensor
    replicates: Tensor | None = None


@dataclass(frozen=True)
class Measure:
    """A card with the functions that keep its promises."""

    card: Card
    compute: Callable[..., Any]
    prepare: Callable[..., Any]
    matrix: Callable[..., Tensor] | None
    means: Callable[..., Tensor] | None
    finish: Callable[..., Tensor] | None
    together: Callable[..., Together] | None
    check: Callable[..., Any] | None
    by_position: Callable[..., Together] | Literal["rows"] | None
    undefined: str
    small: Callable[[int, int], str] | None
    beside: Callable[..., Reading] | None

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
    ignores_of_second: set[Change] | None = None,
    needs_labels: bool = False,
    counts_events: bool = False,
    parameters: tuple[Parameter, ...] = (),
    pace: Pace = Pace.PAIR,
    tolerance: float = 1e-6,
    has_chance_level: bool | None = None,
    references: tuple[int, int] = (0, 0),
    references_help: str = "",
    prepare: Callable[..., Any] = same,
    matrix: Callable[..., Tensor] | None = None,
    means: Callable[..., Tensor] | None = None,
    finish: Callable[..., Tensor] | None = None,
    together: Callable[..., Together] | None = None,
    check: Callable[..., Any] | None = None,
    by_position: Callable[..., Together] | Literal["rows"] | None = None,
    undefined: str = "The number is 0/0 for this input.",
    small: Callable[[int, int], str] | None = None,
    beside: Callable[..., Reading] | None = None,
) -> Callable[[Callable[..., Any]], Measure]:
    """Make a measure of the function below; its first docstring line is the card's summary.

    Args:
        prepare: runs once per model; its result is what the function is given.
        matrix: all pairs of two lists of prepared models at once, ``(left, right)``;
            must equal the function pair by pair.
        means: for a number made of means over samples: those means ``(terms, left, right)`` (or
            ``(left, right)`` when there is one) of two stacks of prepared rows
            ``(models, rows, ...)``. Preparation then treats every sample alone.
        finish: the number from the means ``(..., terms, pairs)``; left out when it is the mean.
        together: values and leave-one-group-out values of a whole block of raw inputs in one
            pass.
        check: raises ``Undefined`` for an input of ``together`` that has no number.
        by_position: the same as ``together`` for ``(samples, positions, width)``, or that positions are but rows.
        undefined: the sentence shown where the number does not exist.
        has_chance_level: left out, pairs have one unless of weights or networks; False where shuffling changes nothing.
        beside: what stands beside the value of one model (notes and columns), made once from all samples:
            given the value and the prepared input.
        small: a warning for ``(samples, width)``, or an empty string.

    Raises:
        ValidationError: the card would be without a source, pitfalls, the samples it needs, or a summary.
    """

    def decorate(function: Callable[..., Any]) -> Measure:
        summary = (inspect.getdoc(function) or "").split("\n", 1)[0]
        by_sample = arity is Arity.PAIR and input in (Input.FEATURES, Input.OUTPUTS)
        card = Card(
            slug=slug,
            version=version,
            title=title,
            summary=summary,
            family=family,
            question=question,
            arity=arity,
            input=input,
            formula=formula,
            low=bounds[0],
            high=bounds[1],
            identical=identical,
            direction=direction,
            symmetric=symmetric,
            ignores=frozenset(ignores or ()),
            ignores_of_second=None if ignores_of_second is None else frozenset(ignores_of_second),
            role=role,
            needs_labels=needs_labels,
            counts_events=counts_events,
            uncertainty=uncertainty,
            reliable_from=reliable_from,
            pitfalls=pitfalls,
            source=source,
            parameters=parameters,
            pace=pace,
            takes_positions=by_position is not None,
            tolerance=tolerance,
            references=references,
            references_help=references_help,
            has_chance_level=by_sample if has_chance_level is None else has_chance_level,
        )
        ways = (function, prepare, matrix, means, finish, together, check, by_position, undefined, small, beside)
        return Measure(card, *ways)

    return decorate
