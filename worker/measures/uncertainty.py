"""Delete-a-group jackknife: how far a number would move on other samples."""

from collections.abc import Sequence

import torch
from scipy import stats
from torch import Tensor

from backend.contracts.cards import Uncertainty
from backend.contracts.cells import Estimate, IntervalKind
from worker.measures.inputs import Outputs
from worker.measures.measure import Measure

GROUPS = 20
CONFIDENCE = 0.95


def row_groups(samples: int, *, seed: int = 0, count: int = GROUPS) -> tuple[Tensor, ...]:
    """Split the rows of a probe set at random into groups of equal size (±1).

    The split depends on the number of samples and the seed alone, so that every cell of a
    probe set leaves out the same rows and differences of cells have paired intervals.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(samples, generator=generator)
    return tuple(part.sort().values for part in order.tensor_split(min(count, samples)))


def take_rows(data: Outputs | Tensor, index: Tensor) -> Outputs | Tensor:
    """Some samples of outputs or features."""
    return data.rows(index) if isinstance(data, Outputs) else data[index]


def others(groups: Sequence[Tensor], left_out: int) -> Tensor:
    """Row numbers of all groups but one, ascending."""
    return torch.cat([g for i, g in enumerate(groups) if i != left_out]).sort().values


def leave_one_out_means(parts: Tensor, groups: Sequence[Tensor]) -> Tensor:
    """Means over all groups but one, from the mean of each group ``(groups, ...)``."""
    sizes = torch.tensor([len(g) for g in groups], dtype=parts.dtype)
    sums = parts * sizes.view(-1, *[1] * (parts.ndim - 1))
    left = sizes.sum() - sizes
    return (sums.sum(0, keepdim=True) - sums) / left.view(-1, *[1] * (parts.ndim - 1))


def jackknife_error(replicates: Tensor) -> Tensor:
    """Standard error from leave-one-group-out values ``(groups, ...)``.

    Source: Efron & Tibshirani 1993, equation 11.5, with groups in the place of samples.
    """
    count = replicates.shape[0]
    spread = (replicates - replicates.mean(0)).square().sum(0)
    return (spread * (count - 1) / count).sqrt()


def estimate(
    measure: Measure,
    value: float,
    replicates: Tensor | None,
    *,
    samples: int,
    monte_carlo_error: float | None = None,
    notes: dict[str, float | int | str] | None = None,
    warning: str = "",
) -> Estimate:
    """A value with its 95 % sampling interval, kept inside the measure's range."""
    card = measure.card
    if replicates is None or len(replicates) < 3 or not bool(replicates.isfinite().all()):
        return Estimate(
            value=value, n=samples, monte_carlo_error=monte_carlo_error,
            notes=notes or {}, warning=warning, method=str(card.uncertainty)
            if card.uncertainty is Uncertainty.EXACT else "no interval: too few samples",
        )  # fmt: skip
    count = len(replicates)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, count - 1)) * float(jackknife_error(replicates))
    low, high = value - half, value + half
    method = f"{card.uncertainty}, {count} groups, t interval"
    if half == 0.0 and card.counts_events and value in (card.low, card.high):
        low, high = (value, value + 3 / samples) if value == card.low else (value - 3 / samples, value)
        method = "rule of three: no event in n samples"
    if card.low is not None:
        low = max(low, card.low)
    if card.high is not None:
        high = min(high, card.high)
    return Estimate(
        value=value, low=low, high=high, interval=IntervalKind.SAMPLING, method=method, n=samples,
        replicates=tuple(replicates.tolist()), monte_carlo_error=monte_carlo_error,
        notes=notes or {}, warning=warning,
    )  # fmt: skip
