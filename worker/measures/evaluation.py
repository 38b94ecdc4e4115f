"""From a measure and its inputs to cells: values, intervals, or reasons."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from backend.contracts.cards import Pace, Uncertainty
from backend.contracts.cells import Cell, Reason, Why
from worker.measures.inputs import Outputs, Subject, Undefined
from worker.measures.measure import Measure, Reading, Settings
from worker.measures.uncertainty import estimate, leave_one_out_means, others, take_rows

Data = Outputs | Tensor
Pair = tuple[Hashable, Hashable]
NAN = float("nan")
FEWEST_GROUPS = 3


def not_applicable(sentence: str) -> Reason:
    """A reason that would not change if asked again."""
    return Reason(why=Why.NOT_APPLICABLE, sentence=sentence)


def finite(data: Data) -> Data:
    """Outputs or features, unless some are NaN or infinite."""
    values = data.logits if isinstance(data, Outputs) else data
    bad = int(values.numel() - values.isfinite().sum())
    if bad:
        raise Undefined(f"{bad} of {values.numel()} values are NaN or infinite.")
    return data


def prepare_all(
    measure: Measure, data: Mapping[Hashable, Any], settings: Settings
) -> tuple[dict[Hashable, Any], dict[Hashable, str]]:
    """Prepared inputs by name, and sentences for those that the measure is not defined for."""
    prepared, refused = {}, {}
    for name, value in data.items():
        try:
            prepared[name] = measure.prepare(value, **settings)
        except Undefined as sentence:
            refused[name] = str(sentence)
    return prepared, refused


def pair_values(
    measure: Measure, left: Mapping[Hashable, Any], right: Mapping[Hashable, Any], pairs: Sequence[Pair],
    settings: Settings,
) -> tuple[Tensor, dict[int, str]]:  # fmt: skip
    """Values ``(pairs,)`` of prepared inputs, and a sentence where there is none.

    A measure that is one product computes whole blocks; another with a fast path one row of
    pairs at a time; the rest one pair after the other.
    """
    values = torch.full((len(pairs),), NAN, dtype=torch.float64)
    reasons: dict[int, str] = {}
    known = [k for k, (a, b) in enumerate(pairs) if a in left and b in right]
    if measure.matrix is not None:
        for rows in _blocks(measure, pairs, known):
            firsts = list(dict.fromkeys(pairs[k][0] for k in rows))
            seconds = list(dict.fromkeys(pairs[k][1] for k in rows))
            grid = measure.matrix([left[a] for a in firsts], [right[b] for b in seconds], **settings)
            i = torch.tensor([firsts.index(pairs[k][0]) for k in rows])
            j = torch.tensor([seconds.index(pairs[k][1]) for k in rows])
            values[rows] = grid.to(device="cpu", dtype=torch.float64)[i, j]
    else:
        for k in known:
            try:
                values[k] = float(measure.of_pair(left[pairs[k][0]], right[pairs[k][1]], settings))
            except Undefined as sentence:
                reasons[k] = str(sentence)
    for k in known:
        if not bool(values[k].isfinite()):
            reasons.setdefault(k, measure.undefined)
    return values, reasons


def _blocks(measure: Measure, pairs: Sequence[Pair], known: list[int]) -> list[list[int]]:
    if measure.card.pace is Pace.PRODUCT:
        return [known] if known else []
    rows: dict[Hashable, list[int]] = {}
    for k in known:
        rows.setdefault(pairs[k][0], []).append(k)
    return list(rows.values())


def evaluate_pairs(
    measure: Measure, left: Mapping[Hashable, Data], right: Mapping[Hashable, Data], pairs: Sequence[Pair],
    settings: Settings, *, groups: Sequence[Tensor] = (),
) -> list[Cell]:  # fmt: skip
    """One cell per pair of outputs or features.

    Args:
        left, right: what each side shows, by name; one object where both sides are the same.
        groups: rows to leave out together for the intervals; none for values alone.
    """
    first, refused = prepare_all(measure, left, settings)
    second, refused_too = (first, refused) if right is left else prepare_all(measure, right, settings)
    values, reasons = pair_values(measure, first, second, pairs, settings)
    kept = {n: left[n] for n in first}
    kept_too = kept if right is left else {n: right[n] for n in second}
    enough = len(groups) >= FEWEST_GROUPS
    replicates = _pair_replicates(measure, kept, kept_too, pairs, settings, groups) if enough else None
    cells: list[Cell] = []
    for k, (a, b) in enumerate(pairs):
        sentence = refused.get(a) or refused_too.get(b) or reasons.get(k)
        if sentence is not None:
            cells.append(not_applicable(sentence))
            continue
        samples, width = _size(left[a], right[b])
        warning = measure.small(samples, width) if measure.small else ""
        own = None if replicates is None else replicates[:, k]
        cells.append(estimate(measure, float(values[k]), own, samples=samples, warning=warning))
    return cells


def _size(a: Any, b: Any) -> tuple[int, int]:
    if isinstance(a, Outputs):
        return a.samples, int(a.logits.shape[1])
    if isinstance(a, Tensor):
        return int(a.shape[0]), max(int(a.shape[1]), int(b.shape[1]))
    return 0, 0


def _pair_replicates(
    measure: Measure, left: Mapping[Hashable, Data], right: Mapping[Hashable, Data], pairs: Sequence[Pair],
    settings: Settings, groups: Sequence[Tensor],
) -> Tensor | None:  # fmt: skip
    if measure.card.uncertainty is Uncertainty.EXACT:
        return None

    def on(rows: Tensor) -> Tensor:
        first, _ = prepare_all(measure, {n: take_rows(d, rows) for n, d in left.items()}, settings)
        second = first
        if right is not left:
            second, _ = prepare_all(measure, {n: take_rows(d, rows) for n, d in right.items()}, settings)
        return pair_values(measure, first, second, pairs, settings)[0]

    if measure.card.uncertainty is Uncertainty.MEAN_JACKKNIFE:
        return leave_one_out_means(torch.stack([on(g) for g in groups]), groups)
    return torch.stack([on(others(groups, g)) for g in range(len(groups))])


def evaluate_model(measure: Measure, data: Data, settings: Settings, *, groups: Sequence[Tensor] = ()) -> Cell:
    """The cell of one model from its outputs."""

    def on(part: Data) -> float:
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
        left = [on(take_rows(data, others(groups, g))) for g in range(len(groups))]
        replicates = torch.tensor(left, dtype=torch.float64)
    samples, width = _size(data, data)
    warning = measure.small(samples, width) if measure.small else ""
    return estimate(measure, value, replicates, samples=samples, warning=warning)


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
