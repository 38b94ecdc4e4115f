"""Samples as they were before normalisation, and how right a network is on changed ones."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kinscape.worker.evaluation.intervals import half_width, leave_one_out_means
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined


@dataclass(frozen=True)
class UnnormalisedSamples:
    """Samples on their own scale.

    Attributes:
        values: ``(samples, ...)`` as they were before normalisation.
        low, high: the range of values: 0 and 1 where they lie within it, else the smallest and the largest.
    """

    subject: Subject
    values: Tensor
    low: float
    high: float

    @property
    def span(self) -> float:
        """Length of the range."""
        return self.high - self.low

    def normalised(self, values: Tensor) -> Tensor:
        """Samples as the network takes them."""
        if self.subject.scale is None:
            return values
        mean, std = self.subject.scale
        return (values - mean) / std


def raw_samples(subject: Subject) -> UnnormalisedSamples:
    """The samples of a subject before normalisation.

    Raises:
        Undefined: the samples are not real numbers, or all are equal.
    """
    if not subject.x.is_floating_point():
        raise Undefined("The samples are whole numbers, such as tokens: a small change of them means nothing.")
    values = subject.x
    if subject.scale is not None:
        mean, std = subject.scale
        values = values * std + mean
    low, high = float(values.amin()), float(values.amax())
    if not low < high:
        raise Undefined("All values of the samples are equal, so there is no scale for a change.")
    # Normalising and undoing it again may carry the ends of [0, 1] a rounding beyond.
    if low > -1e-4 and high < 1 + 1e-4:
        low, high = 0.0, 1.0
    return UnnormalisedSamples(subject, values, low, high)


def half_widths(rights: Tensor, subject: Subject) -> list[float | str | None]:
    """Half of the 95 % interval of each row's mean of ``(rows, samples)``."""
    if not subject.groups:
        return [None] * len(rights)
    means = torch.stack([rights[:, g].mean(1) for g in subject.groups])
    return list(half_width(leave_one_out_means(means, subject.groups)).tolist())
