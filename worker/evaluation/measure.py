"""The decorator that turns one function and its card into a measure."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kinscape.backend.contracts.cards import Card
from kinscape.worker.evaluation.batch import Batch, PairResults
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.evaluation.pair_by_pair import PairByPair

Settings = dict[str, Any]


class AllPairs(Protocol):
    """A way to the numbers of many pairs at once."""

    def evaluate(self, measure: "Measure", batch: Batch, settings: Mapping[str, Any]) -> PairResults:
        """Values of all pairs, and leave-one-group-out values where the batch has groups."""


@dataclass(frozen=True)
class Measure:
    """A card with the functions that keep its promises.

    Attributes:
        compute: the number of two prepared models, or of one.
        prepare: runs once per model; its result is what ``compute`` is given.
        all_pairs: how the numbers of many pairs are found; equal to pair by pair.
        undefined: the sentence shown where the number does not exist.
        small: a warning for ``(samples, width)``, or an empty string.
        diagnostics: notes and columns that explain the value of one model, made once from all samples: given the
            value and the prepared input.
    """

    card: Card
    compute: Callable[..., Any]
    prepare: Callable[..., Any]
    all_pairs: AllPairs
    undefined: str
    small: Callable[[int, int], str] | None
    diagnostics: Callable[..., Measurement] | None


def same(value: Any, **_: Any) -> Any:
    """The preparation of a measure that needs none."""
    return value


def measure(
    card: Card,
    *,
    prepare: Callable[..., Any] = same,
    all_pairs: AllPairs | None = None,
    undefined: str = "The number is 0/0 for this input.",
    small: Callable[[int, int], str] | None = None,
    diagnostics: Callable[..., Measurement] | None = None,
) -> Callable[[Callable[..., Any]], Measure]:
    """Make a measure of the function below; its first docstring line is the card's summary.

    The other arguments are the attributes of ``Measure``; pairs are taken one by one unless ``all_pairs`` is given.

    Raises:
        ValidationError: the function has no docstring.
    """

    def decorate(function: Callable[..., Any]) -> Measure:
        summary = (inspect.getdoc(function) or "").split("\n", 1)[0]
        whole = Card.model_validate({**dict(card), "summary": summary or " "})
        return Measure(whole, function, prepare, all_pairs or PairByPair(), undefined, small, diagnostics)

    return decorate
