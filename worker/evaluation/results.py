"""Results of all pairs of a batch: what can be compared is evaluated, everything else says why not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Card, Uncertainty
from kinscape.worker.evaluation.batch import Batch, PairResults, groups_for, not_comparable
from kinscape.worker.evaluation.from_features import FromFeatures
from kinscape.worker.evaluation.measure import Measure

# Beyond the ends of its range a value is wrong; this far beyond, it is rounded.
ROUNDING = 1e-6


def results_of(measure: Measure, batch: Batch, settings: Mapping[str, Any]) -> PairResults:
    """Values of all pairs with leave-one-group-out values, or sentences.

    Features are ``(samples, width)``, or ``(samples, positions, width)`` where every position counts.
    """
    groups = () if measure.card.uncertainty is Uncertainty.EXACT else groups_for(batch.groups)
    batch = replace(_flat_where_single(batch), groups=groups)
    if measure.card.symmetric and batch.one_side:
        batch = _with_fewer_rows(batch)
    results = PairResults.blank(len(batch.pairs), len(groups))
    results.reasons, by_positions = _sorted(measure.card, batch)
    for count, places in by_positions.items():
        part = _restricted(batch.of(places)) if len(places) < len(batch.pairs) else batch
        if count is not None and not _takes_positions_apart(measure):
            part = _as_rows(part, count)
        results.put(places, measure.all_pairs.evaluate(measure, part, settings))
    results.values = _within_range(measure.card, results.values)
    for k in (~results.values.isfinite()).nonzero().flatten().tolist():
        results.reasons.setdefault(k, measure.undefined)
    return results


def _with_fewer_rows(batch: Batch) -> Batch:
    """The same pairs, turned round where that leaves fewer models on the left: many work row by row."""
    firsts, seconds = ({pair[side] for pair in batch.pairs} for side in (0, 1))
    return batch if len(firsts) <= len(seconds) else replace(batch, pairs=[(b, a) for a, b in batch.pairs])


def _sorted(card: Card, batch: Batch) -> tuple[dict[int, str], dict[int | None, list[int]]]:
    """Sentences of the pairs that cannot be compared, and the others by how many positions their samples have."""
    every = [*batch.left.values(), *(batch.right or {}).values()]
    if not batch.pairs or not any(_why_not(card, every[0], other) for other in every):
        return {}, {positions_of(every[0]): list(range(len(batch.pairs)))} if batch.pairs else {}
    reasons: dict[int, str] = {}
    by_positions: dict[int | None, list[int]] = {}
    for k, (a, b) in enumerate(batch.pairs):
        sentence = _why_not(card, batch.left[a], batch.second[b])
        if sentence:
            reasons[k] = sentence
        else:
            by_positions.setdefault(positions_of(batch.left[a]), []).append(k)
    return reasons, by_positions


def _why_not(card: Card, a: Any, b: Any) -> str:
    counts = positions_of(a), positions_of(b)
    if counts[0] != counts[1]:
        one, other = (c or 1 for c in counts)
        return f"Not comparable: one has {one} positions per sample, the other {other}."
    if counts[0] is not None and not card.takes_positions:
        return f"{card.slug} does not take every position as a sample."
    return not_comparable(a, b)


def positions_of(data: Any) -> int | None:
    """Positions per sample, where every position counts."""
    return int(data.shape[1]) if isinstance(data, Tensor) and data.ndim == 3 else None


def _takes_positions_apart(measure: Measure) -> bool:
    return isinstance(measure.all_pairs, FromFeatures) and measure.all_pairs.positions is not None


def _flat_where_single(batch: Batch) -> Batch:
    """Features with one position per sample as plain features."""
    every = [*batch.left.values(), *(batch.right or {}).values()]
    if not any(positions_of(x) == 1 for x in every):
        return batch
    return batch.changed(lambda x: x[:, 0] if positions_of(x) == 1 else x, groups=batch.groups)


def _restricted(batch: Batch) -> Batch:
    """The same pairs with only the models that they name."""
    first, second = (dict.fromkeys(side) for side in zip(*batch.pairs, strict=True))
    if batch.right is None:
        return replace(batch, left={n: batch.left[n] for n in [*first, *(n for n in second if n not in first)]})
    return replace(batch, left={n: batch.left[n] for n in first}, right={n: batch.right[n] for n in second})


def _as_rows(batch: Batch, count: int) -> Batch:
    """Positions as rows; samples leave with all of their positions."""
    clusters = tuple((g[:, None] * count + torch.arange(count)).flatten() for g in batch.groups)
    return batch.changed(lambda x: x.flatten(0, 1), groups=clusters)


def _within_range(card: Card, values: Tensor) -> Tensor:
    """Values without the rounding that carries some beyond the ends of the range."""
    if card.low is not None:
        values = torch.where((values < card.low) & (values > card.low - ROUNDING), card.low, values)
    if card.high is not None:
        values = torch.where((values > card.high) & (values < card.high + ROUNDING), card.high, values)
    return values
