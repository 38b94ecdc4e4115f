"""A number with what its measure knows of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Measurement:
    """What a measure of a network returns when it knows its own uncertainty.

    Attributes:
        value: the number.
        replicates: ``(groups,)`` values with one group of samples left out.
        monte_carlo_error: standard error over random draws.
        notes: single numbers and words that explain the value.
        series: columns of equal length behind the number, such as a curve; None is a gap.
        warning: a sentence to be read with the number.
    """

    value: float
    replicates: Tensor | None = None
    monte_carlo_error: float | None = None
    notes: dict[str, float | int | str] = field(default_factory=dict)
    series: Mapping[str, Sequence[float | str | None]] = field(default_factory=dict)
    warning: str = ""
