"""What one model answered to samples that have names."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# An answer that a sample does not offer lies so many nats below the worst one that it does: its probability is less
# than the rounding of the others.
NOT_OFFERED = 40.0


class CannotImport(ValueError):
    """A file cannot be read as answers; the sentence says what to change."""


@dataclass(frozen=True)
class Answers:
    """One model's answers.

    Attributes:
        name: of the model.
        task: what was asked, as the log calls it; empty where nothing says.
        ids: of the samples, each once; empty where only their order is known.
        outputs: ``(samples, classes)``.
        labels: class number of each sample; None where they are not told.
        are_probabilities: whether the outputs are, rather than logits.
        classes: names of the classes; empty where they have only numbers.
        told: what their user should know.
    """

    name: str
    task: str
    ids: tuple[str, ...]
    outputs: Floats
    labels: tuple[int, ...] | None
    are_probabilities: bool
    classes: tuple[str, ...] = ()
    told: tuple[str, ...] = field(default=())

    def in_order(self, ids: Sequence[str]) -> "Answers":
        """The same answers in another order of the same samples.

        Raises:
            CannotImport: the samples are others.
        """
        if tuple(ids) == self.ids:
            return self
        place = {id: k for k, id in enumerate(self.ids)}
        missing = next((id for id in ids if id not in place), None)
        known = set(ids)
        beyond = next((id for id in self.ids if id not in known), None)
        if missing is not None or beyond is not None:
            which = (
                f"lacks the sample {missing!r}" if missing is not None else f"holds the sample {beyond!r} beyond them"
            )
            raise CannotImport(f"{self.name} was not asked the same samples: it {which}.")
        order = [place[id] for id in ids]
        labels = None if self.labels is None else tuple(self.labels[k] for k in order)
        return replace(self, ids=tuple(ids), outputs=self.outputs[order], labels=labels)

    def with_classes(self, classes: Sequence[str]) -> "Answers":
        """The same answers with their classes in another order.

        Raises:
            CannotImport: the classes are others.
        """
        if tuple(classes) == self.classes:
            return self
        if sorted(classes) != sorted(self.classes):
            raise CannotImport(f"{self.name} has the classes {', '.join(self.classes)}, not {', '.join(classes)}.")
        order = [self.classes.index(c) for c in classes]
        labels = None if self.labels is None else tuple(order.index(y) for y in self.labels)
        return replace(self, classes=tuple(classes), outputs=self.outputs[:, order], labels=labels)


def of_choices(rows: Sequence[Sequence[float]]) -> Floats:
    """Log-likelihoods of choices as logits, ``(samples, most choices)``; what a sample does not offer is impossible."""
    out = np.empty((len(rows), max(len(r) for r in rows)))
    for k, row in enumerate(rows):
        out[k] = min(row) - NOT_OFFERED
        out[k, : len(row)] = row
    return out


def of_scores(scores: Sequence[float]) -> Floats:
    """Parts of answers that were right as probabilities of the classes wrong and right, ``(samples, 2)``."""
    right = np.asarray(scores, np.float64)
    return np.stack([1 - right, right], 1)


def number(value: Any) -> float | None:
    """A number, also where a log wrote it as text; None where it is none, NaN or infinite."""
    if isinstance(value, bool):
        return float(value)
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if np.isfinite(found) else None
