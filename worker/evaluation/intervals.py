"""Delete-a-group jackknife: how far a number would move on other samples."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Card, Uncertainty
from kinscape.backend.contracts.cells import Estimate, IntervalKind
from kinscape.backend.statistics import jackknife
from kinscape.worker.evaluation.measurement import Measurement

# Student's t with 19 degrees of freedom is only 7 % wider than the normal.
GROUPS = 20
FEWEST_GROUPS = jackknife.FEWEST_GROUPS
NAN = float("nan")
RULE_OF_THREE = "rule of three: no event in n samples"


def row_groups(samples: int, *, seed: int = 0, count: int = GROUPS) -> tuple[Tensor, ...]:
    """Split the rows of a probe set at random into groups of equal size (±1).

    The split depends on the number of samples and the seed alone, so that every cell of a
    probe set leaves out the same rows and differences of cells have paired intervals.
    """
    # A small seed on purpose: intervals of differences pair these groups with those of cells that are stored.
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(samples, generator=generator)
    return tuple(part.sort().values for part in order.tensor_split(min(count, samples)))


def independent(data: Any) -> int:
    """How many samples features or outputs are of, whatever the number of their rows."""
    sequences = getattr(data, "sequences", None)
    return data.samples if sequences is None else len(sequences.unique())


def groups_of(data: Any, *, seed: int = 0, count: int = GROUPS) -> tuple[Tensor, ...]:
    """Groups of the rows of features or outputs.

    Where rows are positions, those of one sample stay together: they depend on each other, and intervals that left
    them out one by one would be far too narrow.
    """
    sequences = getattr(data, "sequences", None)
    if sequences is None:
        return row_groups(data.samples, seed=seed, count=count)
    known, place = sequences.cpu().unique(return_inverse=True)
    member = torch.empty(len(known), dtype=torch.int64)
    parts = row_groups(len(known), seed=seed, count=count)
    for number, part in enumerate(parts):
        member[part] = number
    return tuple((member[place] == number).nonzero()[:, 0] for number in range(len(parts)))


def take_rows(data: Any, index: Tensor) -> Any:
    """Some samples of features, of outputs, or of a tuple of tensors."""
    if isinstance(data, Tensor):
        return data[index.to(data.device)]
    if isinstance(data, tuple):
        parts = [take_rows(part, index) for part in data]
        return type(data)(*parts) if hasattr(data, "_fields") else tuple(parts)
    return data.rows(index)


def others(groups: Sequence[Tensor], left_out: int) -> Tensor:
    """Row numbers of all groups but one, ascending."""
    return torch.cat([g for i, g in enumerate(groups) if i != left_out]).sort().values


def leave_one_out_means(parts: Tensor, groups: Sequence[Tensor]) -> Tensor:
    """Means over all groups but one, from the mean of each group ``(groups, ...)``."""
    sizes = torch.tensor([len(g) for g in groups], dtype=parts.dtype)
    sums = parts * sizes.view(-1, *[1] * (parts.ndim - 1))
    left = sizes.sum() - sizes
    return (sums.sum(0, keepdim=True) - sums) / left.view(-1, *[1] * (parts.ndim - 1))


def half_width(replicates: Tensor) -> Tensor:
    """Half of the 95 % interval from leave-one-group-out values ``(groups, ...)``."""
    return torch.as_tensor(jackknife.half_width(replicates.detach().cpu().numpy()))


def bounds(card: Card, values: Tensor, replicates: Tensor | None, *, samples: int) -> tuple[Tensor, Tensor]:
    """Low and high end ``(cells,)`` of the 95 % interval, inside the range; NaN where there is none.

    Args:
        values: ``(cells,)``.
        replicates: ``(groups, cells)`` with one group of samples left out.
    """
    if replicates is None or len(replicates) < FEWEST_GROUPS:
        return torch.full_like(values, NAN), torch.full_like(values, NAN)
    half = half_width(replicates)
    low, high = values - half, values + half
    if card.counts_events:
        still = (half == 0) & replicates.isfinite().all(0)
        low = torch.where(still & (values == card.high), values - 3 / samples, low)
        high = torch.where(still & (values == card.low), values + 3 / samples, high)
    if card.low is not None or card.high is not None:
        low, high = low.clamp(card.low, card.high), high.clamp(card.low, card.high)
    none = ~replicates.isfinite().all(0)
    return low.masked_fill(none, NAN), high.masked_fill(none, NAN)


def estimate(card: Card, found: Measurement, *, samples: int, warning: str = "") -> Estimate:
    """A value with its 95 % sampling interval, kept inside the measure's range.

    Args:
        warning: said before what the reading itself warns of.
    """
    if found.replicates is None:
        return with_bounds(card, found, NAN, NAN, samples=samples, warning=warning)
    value = torch.tensor([found.value], dtype=torch.float64)
    low, high = bounds(card, value, found.replicates[:, None], samples=samples)
    return with_bounds(card, found, float(low), float(high), samples=samples, warning=warning)


def with_bounds(
    card: Card, found: Measurement, low: float, high: float, *, samples: int, warning: str = ""
) -> Estimate:
    """An estimate whose interval is known; NaN bounds mean that there is none."""
    replicates = found.replicates
    rest: dict[str, Any] = {
        "monte_carlo_error": found.monte_carlo_error,
        "notes": found.notes,
        "series": {name: column(values) for name, values in found.series.items()},
        "warning": " ".join(s for s in (warning, found.warning) if s),
    }
    if replicates is None or math.isnan(low):
        exact = card.uncertainty is Uncertainty.EXACT
        left_out = replicates is not None and len(replicates) >= FEWEST_GROUPS
        why = "undefined without one of the groups" if left_out else "not asked for, or too few samples"
        method = str(card.uncertainty) if exact else f"no interval: {why}"
        return Estimate(value=found.value, n=samples, method=method, **rest)
    count = len(replicates)
    method = f"{card.uncertainty}, {count} groups, t interval"
    still = float(replicates.amax() - replicates.amin()) == 0
    if card.counts_events and found.value in (card.low, card.high) and still:
        method = RULE_OF_THREE
    return Estimate(
        value=found.value,
        low=low,
        high=high,
        interval=IntervalKind.SAMPLING,
        method=method,
        n=samples,
        replicates=tuple(replicates.tolist()),
        **rest,
    )


def column(values: Sequence[float | str | None]) -> tuple[float | str | None, ...]:
    """A column in which what is not finite is a gap."""
    return tuple(None if isinstance(v, float) and not math.isfinite(v) else v for v in values)
