"""Confidence in bins, and what all measures of calibration have in common."""

from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.numerics.draws import generator_of

# The mean of the null is then known to a fourteenth of its standard deviation.
NULL_DRAWS = 200
# Twice the rounding of float32: a share of votes such as 0.6 that was stored so lies on the edge of its bin.
ON_EDGE = 2.4e-7
BINS = (Parameter(name="bins", default=15, minimum=1, maximum=1000, help="Equal-width bins."),)


@dataclass(frozen=True)
class Bins:
    """Samples in equal-width bins, each closed on the right; confidence exactly 1 belongs to the last.

    Attributes:
        counts: ``(bins,)`` samples.
        confidences, rights: ``(bins,)`` sums over the samples of a bin.
    """

    counts: Tensor
    confidences: Tensor
    rights: Tensor

    @property
    def shares(self) -> Tensor:
        """Share of the samples in each bin."""
        return self.counts / self.counts.sum()

    @property
    def gaps(self) -> Tensor:
        """Accuracy minus confidence of each bin; 0 where it is empty."""
        return (self.rights - self.confidences) / self.counts.clamp_min(1)


def places(confidence: Tensor, bins: int) -> Tensor:
    """Bin of each sample: ``(lower, upper]``, the first also holds 0; an edge that float32 rounded up is the edge."""
    return ((confidence - ON_EDGE) * bins).ceil().long().clamp(1, bins) - 1


def in_bins(confidence: Tensor, right: Tensor, bins: int) -> Bins:
    """Samples ``(samples,)`` in equal-width bins."""
    return _summed(places(confidence, bins), confidence, right, bins)


def in_equal_bins(confidence: Tensor, right: Tensor, bins: int) -> Bins:
    """Samples in bins of equal numbers (±1), in the order of their confidence."""
    order = confidence.argsort(stable=True)
    sizes = [len(part) for part in order.tensor_split(min(bins, len(order)))]
    place = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(order.device)
    return _summed(place, confidence[order], right[order], len(sizes))


def _summed(place: Tensor, confidence: Tensor, right: Tensor, bins: int) -> Bins:
    def total(values: Tensor) -> Tensor:
        return torch.zeros(bins, dtype=values.dtype, device=values.device).index_add_(0, place, values)

    return Bins(total(torch.ones_like(confidence)), total(confidence), total(right))


def confidence_of(outputs: Outputs) -> Tensor:
    """Probability of the predicted class, ``(samples,)``."""
    return outputs.probabilities.amax(1)


def calibration_error(outputs: Outputs, *, bins: int) -> Tensor:
    """Mean gap between confidence and accuracy over equal-width bins, weighted by their samples.

    Source: Guo et al. 2017, equation 3.
    """
    binned = in_bins(confidence_of(outputs), outputs.right, bins)
    return (binned.shares * binned.gaps.abs()).sum()


def few_per_bin(samples: int, _classes: int) -> str:
    """A warning where chance alone gives a visible error."""
    if samples >= 2000:
        return ""
    return f"N = {samples} is small: a perfectly calibrated model would not score 0 either."


def reliability_diagram(value: float, outputs: Outputs, *, bins: int) -> Measurement:
    """The reliability diagram, and what calibrated models of the same confidences score.

    Source of the intervals: Wilson 1927.
    """
    found = in_bins(confidence_of(outputs), outputs.right, bins)
    null = calibrated_errors(outputs, bins)
    counts, rights = found.counts.cpu(), found.rights.cpu()
    low, high = wilson(rights, counts)
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    some = counts > 0
    nan = torch.full_like(counts, float("nan"))
    series: dict[str, list[float | str | None]] = {
        "lower": edges[:-1].tolist(),
        "upper": edges[1:].tolist(),
        "samples": counts.tolist(),
        "confidence": torch.where(some, found.confidences.cpu() / counts, nan).tolist(),
        "accuracy": torch.where(some, rights / counts, nan).tolist(),
        "low": torch.where(some, low, nan).tolist(),
        "high": torch.where(some, high, nan).tolist(),
    }
    notes: dict[str, float | int | str] = {
        "calibrated_mean": float(null.mean()),
        "calibrated_high": float(null.quantile(0.95)),
    }
    return Measurement(value, notes=notes, series=series)


def calibrated_errors(outputs: Outputs, bins: int) -> Tensor:
    """Expected calibration errors ``(draws,)`` if every prediction were correct exactly as often as it is confident."""
    confidence = confidence_of(outputs).cpu()
    generator = generator_of("calibrated predictions")
    place = places(confidence, bins)
    errors = []
    for _ in range(NULL_DRAWS):
        draw = torch.rand(confidence.shape, generator=generator, dtype=confidence.dtype)
        gap = (draw < confidence).to(confidence.dtype) - confidence
        errors.append(torch.zeros(bins, dtype=gap.dtype).index_add_(0, place, gap).abs().sum() / len(gap))
    return torch.stack(errors)


def wilson(events: Tensor, trials: Tensor) -> tuple[Tensor, Tensor]:
    """95 % interval of a share, by Wilson's score."""
    z = float(stats.norm.ppf(0.975))
    trials = trials.clamp_min(1)
    share = events / trials
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * (share * (1 - share) / trials + z**2 / (4 * trials**2)).sqrt()
    return (middle - half).clamp(0, 1), (middle + half).clamp(0, 1)
