"""From a measure and its inputs to cells: values, intervals, or reasons."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from backend.contracts.cards import Uncertainty
from backend.contracts.cells import Cell, Reason, Why
from worker.measures.inputs import Layer, Outputs, Subject, Undefined
from worker.measures.measure import Measure, Reading, Settings
from worker.measures.pairs import Data, Pair, answer_pairs, chance_levels
from worker.measures.uncertainty import (
    FEWEST_GROUPS,
    bounds,
    estimate,
    leave_one_out_means,
    others,
    take_rows,
    with_bounds,
)

Given = TypeVar("Given", bound=Outputs | Layer | Tensor)


def not_applicable(sentence: str) -> Reason:
    """A reason that would not change if asked again."""
    return Reason(why=Why.NOT_APPLICABLE, sentence=sentence)


def finite(data: Given) -> Given:
    """Outputs, features or a layer, unless some values are NaN or infinite."""
    values = data.logits if isinstance(data, Outputs) else data.features if isinstance(data, Layer) else data
    # A sum is finite only when every value is: one pass for the many that are.
    bad = 0 if bool(values.sum().isfinite()) else int(values.numel() - values.isfinite().sum())
    if bad:
        raise Undefined(f"{bad} of {values.numel()} values are NaN or infinite.")
    return data


def evaluate_pairs(
    measure: Measure, left: Mapping[Hashable, Data], right: Mapping[Hashable, Data], pairs: Sequence[Pair],
    settings: Settings, *, groups: Sequence[Tensor] = (), kept: dict[Hashable, Any] | None = None,
) -> list[Cell]:  # fmt: skip
    """One cell per pair of outputs, features or weights.

    Args:
        left, right: what each side shows, by name; one object where both sides are the same.
        groups: rows to leave out together for the intervals; none for values alone, and then no
            chance level either.
        kept: shared by measures of the same models, so that one pass serves several.
    """
    answers = answer_pairs(measure, left, right, pairs, settings, groups=groups, kept=kept)
    if groups and measure.card.has_chance_level:
        for k, level in enumerate(chance_levels(measure, left, right, pairs, settings).tolist()):
            if math.isfinite(level):
                answers.notes[k] = {**answers.notes.get(k, {}), "chance": level}
    sizes = [_size(left[a], right[b]) for a, b in pairs]
    low, high = bounds(measure.card, answers.values, answers.replicates, samples=max((n for n, _ in sizes), default=0))
    values, lows, highs = answers.values.tolist(), low.tolist(), high.tolist()
    cells: list[Cell] = []
    for k, (samples, width) in enumerate(sizes):
        if k in answers.reasons:
            cells.append(not_applicable(answers.reasons[k]))
            continue
        warning = measure.small(samples, width) if measure.small else ""
        notes = answers.notes.get(k)
        own = None if answers.replicates is None else answers.replicates[:, k]
        cells.append(
            with_bounds(measure, values[k], lows[k], highs[k], own, samples=samples, notes=notes, warning=warning)
        )
    return cells


def _size(a: Any, b: Any) -> tuple[int, int]:
    if isinstance(a, Outputs):
        return a.samples, int(a.logits.shape[1])
    if isinstance(a, Layer):
        return a.samples, int(a.features.shape[1])
    if isinstance(a, Tensor):
        return int(a.shape[0]), max(int(a.shape[1]), int(b.shape[1]))
    return 0, 0


def evaluate_model(
    measure: Measure, data: Outputs | Layer, settings: Settings, *, groups: Sequence[Tensor] = ()
) -> Cell:
    """The cell of one model from its outputs or from what a layer sees."""

    def on(part: Outputs | Layer) -> float:
        return float(measure.of_model(measure.prepare(part, **settings), settings))

    try:
        value = on(finite(data))
    except Undefined as sentence:
        return not_applicable(str(sentence))
    if not math.isfinite(value):
        return not_applicable(
            "The number is not finite: a right answer got probability zero." if math.isinf(value) else measure.undefined
        )
    replicates = None
    groups = groups if len(groups) >= FEWEST_GROUPS else ()
    if groups and measure.card.uncertainty is Uncertainty.MEAN_JACKKNIFE:
        parts = torch.tensor([on(take_rows(data, g)) for g in groups], dtype=torch.float64)
        replicates = leave_one_out_means(parts, groups)
    elif groups:
        left = [_or_nan(on, take_rows(data, others(groups, g))) for g in range(len(groups))]
        replicates = torch.tensor(left, dtype=torch.float64)
    samples, width = _size(data, data)
    warning = measure.small(samples, width) if measure.small else ""
    return estimate(measure, value, replicates, samples=samples, warning=warning)


def _or_nan(number: Callable[[Any], float], part: Any) -> float:
    try:
        return number(part)
    except Undefined:
        return math.nan


def evaluate_network(measure: Measure, subjects: Sequence[Subject], settings: Settings) -> Cell:
    """The cell of one network, or of a pair of networks, on a probe set."""
    try:
        for subject in subjects:
            _check_subject(subject, needs_labels=measure.card.needs_labels)
        found = measure.compute(*subjects, **settings)
    except Undefined as sentence:
        return not_applicable(str(sentence))
    except torch._C._LinAlgError:  # type: ignore[attr-defined]
        return not_applicable("The computation did not converge: numbers in it grew beyond what a float can hold.")
    reading = found if isinstance(found, Reading) else Reading(float(found))
    if not math.isfinite(reading.value):
        return not_applicable(measure.undefined)
    return estimate(
        measure, reading.value, reading.replicates, samples=subjects[0].samples,
        monte_carlo_error=reading.monte_carlo_error, notes=reading.notes, warning=reading.warning,
    )  # fmt: skip


def _check_subject(subject: Subject, *, needs_labels: bool) -> None:
    bad = sum(int(w.numel() - w.isfinite().sum()) for w in subject.weights.values())
    if bad:
        raise Undefined(f"{bad} weights are NaN or infinite.")
    if not subject.weights:
        raise Undefined("The network has no trained parameters.")
    if needs_labels and subject.y.numel() == 0:
        raise Undefined("This measure needs labels, and the probe set has none.")
