"""The cell of one model from its outputs, from one of its layers, or from its weights."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Uncertainty
from kinscape.backend.contracts.cells import Cell
from kinscape.worker.evaluation.cells import finite, not_applicable, size_of
from kinscape.worker.evaluation.intervals import (
    FEWEST_GROUPS,
    GROUPS,
    estimate,
    groups_of,
    independent,
    leave_one_out_means,
    others,
    take_rows,
)
from kinscape.worker.evaluation.measure import Measure, Settings
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.numerics.memo import Memo


def evaluate_model(
    measure: Measure,
    data: Outputs | Layer | Weights,
    settings: Settings,
    *,
    groups: Sequence[Tensor] = (),
    memo: Memo | None = None,
) -> Cell:
    """The cell of one model from its outputs, from a layer's features, or from its weights.

    Args:
        memo: shared by measures of the same data, so that what several prepare is prepared once.
    """

    def on(part: Outputs | Layer | Weights) -> Measurement:
        return as_measurement(measure.compute(measure.prepare(part, **settings), **settings))

    try:
        sound = finite(data) if isinstance(data, Outputs | Layer) else data
        prepared = _prepared(measure, sound, settings, Memo() if memo is None else memo)
        whole = as_measurement(measure.compute(prepared, **settings))
        if measure.diagnostics is not None:
            whole = measure.diagnostics(whole.value, prepared, **settings)
    except Undefined as sentence:
        return not_applicable(str(sentence))
    if not math.isfinite(whole.value):
        return not_applicable(
            "The number is not finite: a correct class got probability zero."
            if math.isinf(whole.value)
            else measure.undefined
        )
    replicates = whole.replicates
    groups = groups if len(groups) >= FEWEST_GROUPS and measure.card.uncertainty is not Uncertainty.EXACT else ()
    if groups and measure.card.uncertainty is Uncertainty.MEAN_JACKKNIFE:
        parts = torch.tensor([on(take_rows(data, g)).value for g in groups], dtype=torch.float64)
        replicates = leave_one_out_means(parts, groups)
    elif groups:
        left = [_or_nan(lambda part: on(part).value, take_rows(data, others(groups, g))) for g in range(len(groups))]
        replicates = torch.tensor(left, dtype=torch.float64)
    samples, width = size_of(data)
    warning = measure.small(samples, width) if measure.small else ""
    return estimate(measure.card, replace(whole, replicates=replicates), samples=samples, warning=warning)


def evaluate_both(
    measure: Measure, train: Outputs, held_out: Outputs, settings: Settings, *, intervals: Literal[True, False] = True
) -> Cell:
    """The cell of one model from its outputs for train samples and for held-out ones.

    The two sets are resampled together, group by group: their errors are independent, so the
    spread of the number is that of both.
    """

    def on(first: Outputs, second: Outputs) -> float:
        return float(
            measure.compute(measure.prepare(first, **settings), measure.prepare(second, **settings), **settings)
        )

    try:
        value = on(finite(train), finite(held_out))
    except Undefined as sentence:
        return not_applicable(str(sentence))
    if not math.isfinite(value):
        return not_applicable(measure.undefined)
    count = min(GROUPS, independent(train), independent(held_out))
    mine, theirs = (groups_of(one, count=count) for one in (train, held_out))
    replicates = None
    if intervals and count >= FEWEST_GROUPS:
        left = [on(train.rows(others(mine, g)), held_out.rows(others(theirs, g))) for g in range(count)]
        replicates = torch.tensor(left, dtype=torch.float64)
    notes: dict[str, float | int | str] = {"train_samples": train.samples}
    return estimate(measure.card, Measurement(value, replicates, notes=notes), samples=held_out.samples)


def as_measurement(value: Any) -> Measurement:
    """What a measure returned, as a measurement."""
    return value if isinstance(value, Measurement) else Measurement(float(value))


def _prepared(measure: Measure, data: Any, settings: Settings, memo: Memo) -> Any:
    key = (measure.prepare, tuple(sorted(settings.items())))
    return memo.once(key, lambda: measure.prepare(data, **settings))


def _or_nan(number: Callable[[Any], float], part: Any) -> float:
    try:
        return number(part)
    except Undefined:
        return math.nan
