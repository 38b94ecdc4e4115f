"""From a measure and its inputs to cells: values, intervals, or reasons."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.contracts.cards import Uncertainty
from backend.contracts.cell_arrays import Cells
from backend.contracts.cells import Cell, Detail, IntervalKind, Provenance, Reason, Told, Why
from worker.evaluation.intervals import (
    FEWEST_GROUPS,
    GROUPS,
    NAN,
    RULE_OF_THREE,
    bounds,
    column,
    estimate,
    leave_one_out_means,
    others,
    row_groups,
    take_rows,
)
from worker.evaluation.measure import Measure, Reading, Settings
from worker.evaluation.pairs import Answers, Data
from worker.evaluation.positions_and_chance import answer_pairs, chance_levels
from worker.evaluation.sample_means import Pair
from worker.inputs.layer import Layer
from worker.inputs.outputs import Outputs
from worker.inputs.subject import Subject
from worker.inputs.undefined import Undefined
from worker.inputs.weights import Weights

Floats = npt.NDArray[np.float64]

OUT_OF_MEMORY = ("out of memory", "can't allocate memory")
FEWEST_PER_PASS = 4
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
    measure: Measure,
    left: Mapping[Hashable, Data],
    right: Mapping[Hashable, Data],
    pairs: Sequence[Pair],
    settings: Settings,
    *,
    groups: Sequence[Tensor] = (),
    kept: dict[Hashable, Any] | None = None,
) -> Cells:
    """Pairs of outputs, features or weights with their intervals and chance levels.

    Args:
        left, right: what each side shows, by number; one object where both sides are the same.
        groups: rows to leave out together for the intervals; none for values alone, and then no
            chance level either.
        kept: shared by measures of the same models, so that one pass serves several.
    """
    answers = answer_pairs(measure, left, right, pairs, settings, groups=groups, kept=kept)
    chance = torch.full((len(pairs),), NAN, dtype=torch.float64)
    if groups and measure.card.has_chance_level and pairs:
        chance = chance_levels(measure, left, right, pairs, settings)
    sizes = [_size(left[a], right[b]) for a, b in pairs]
    low, high = bounds(measure.card, answers.values, answers.replicates, samples=max((n for n, _ in sizes), default=0))
    values = answers.values.numpy()
    replicates = np.empty((len(pairs), 0)) if answers.replicates is None else answers.replicates.T.numpy().copy()
    has_interval = low.isfinite().numpy() & (replicates.shape[1] > 0)
    replicates[~has_interval] = np.nan
    methods = _methods(measure, values, replicates, has_interval)
    warning = {size: measure.small(*size) if measure.small else "" for size in set(sizes)}
    texts: dict[Told, int] = {}
    told = []
    for k, size in enumerate(sizes):
        text: Told
        if k in answers.reasons:
            text = not_applicable(answers.reasons[k])
        else:
            interval = IntervalKind.SAMPLING if has_interval[k] else None
            text = Provenance(interval=interval, method=methods[k], warning=warning[size])
        told.append(texts.setdefault(text, len(texts)))
    known = np.array([k not in answers.reasons for k in range(len(pairs))], dtype=bool)
    names = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Cells(
        a=names[:, 0],
        b=names[:, 1],
        values=np.where(known, values, np.nan),
        low=np.where(known, low.numpy(), np.nan),
        high=np.where(known, high.numpy(), np.nan),
        chance=np.where(known, chance.numpy(), np.nan),
        samples=np.array([n for n, _ in sizes], dtype=np.int64),
        told=np.array(told, dtype=np.int64),
        texts=tuple(texts),
        replicates=replicates,
        details=_details(answers),
    )


def _methods(measure: Measure, values: Floats, replicates: Floats, has_interval: npt.NDArray[np.bool_]) -> list[str]:
    """How the interval of each pair was made, or why there is none."""
    card, groups = measure.card, replicates.shape[1]
    if card.uncertainty is Uncertainty.EXACT:
        none = str(card.uncertainty)
    else:
        why = "undefined without one of the groups" if groups >= FEWEST_GROUPS else "not asked for, or too few samples"
        none = f"no interval: {why}"
    usual = f"{card.uncertainty}, {groups} groups, t interval"
    if not card.counts_events or not groups:
        return [usual if known else none for known in has_interval]
    is_still = np.ptp(replicates, axis=1) == 0
    at_end = np.isin(values, [x for x in (card.low, card.high) if x is not None]) & is_still
    how = [RULE_OF_THREE if end else usual for end in at_end]
    return [method if known else none for method, known in zip(how, has_interval, strict=True)]


def _details(answers: Answers) -> dict[int, Detail]:
    places = {k for some in (answers.notes, answers.series) for k, value in some.items() if value}
    return {
        k: Detail(
            notes=answers.notes.get(k, {}),
            series={name: column(values) for name, values in answers.series.get(k, {}).items()},
        )
        for k in sorted(places - set(answers.reasons))
    }


def _size(a: Any, b: Any) -> tuple[int, int]:
    if isinstance(a, Outputs):
        return a.samples, int(a.logits.shape[1])
    if isinstance(a, Layer):
        return a.samples, int(a.features.shape[1])
    if isinstance(a, Tensor):
        return int(a.shape[0]), max(int(a.shape[-1]), int(b.shape[-1]))
    return 0, 0


def evaluate_model(
    measure: Measure,
    data: Outputs | Layer | Weights,
    settings: Settings,
    *,
    groups: Sequence[Tensor] = (),
    kept: dict[Hashable, Any] | None = None,
) -> Cell:
    """The cell of one model from its outputs, from what a layer sees, or from its weights.

    Args:
        kept: shared by measures of the same data, so that what several prepare is prepared once.
    """

    def on(part: Outputs | Layer | Weights) -> Reading:
        return as_reading(measure.of_model(measure.prepare(part, **settings), settings))

    try:
        sound = finite(data) if isinstance(data, Outputs | Layer) else data
        prepared = _prepared(measure, sound, settings, {} if kept is None else kept)
        whole = as_reading(measure.of_model(prepared, settings))
        if measure.beside is not None:
            whole = measure.beside(whole.value, prepared, **settings)
    except Undefined as sentence:
        return not_applicable(str(sentence))
    if not math.isfinite(whole.value):
        return not_applicable(
            "The number is not finite: a right answer got probability zero."
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
    samples, width = _size(data, data)
    warning = measure.small(samples, width) if measure.small else ""
    return estimate(measure, replace(whole, replicates=replicates), samples=samples, warning=warning)


def evaluate_both(
    measure: Measure, train: Outputs, held_out: Outputs, settings: Settings, *, intervals: Literal[True, False] = True
) -> Cell:
    """The cell of one model from its answers to train samples and to held-out ones.

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
    count = min(GROUPS, train.samples, held_out.samples)
    mine, theirs = (row_groups(one.samples, count=count) for one in (train, held_out))
    replicates = None
    if intervals and count >= FEWEST_GROUPS:
        left = [on(train.rows(others(mine, g)), held_out.rows(others(theirs, g))) for g in range(count)]
        replicates = torch.tensor(left, dtype=torch.float64)
    notes: dict[str, float | int | str] = {"train_samples": train.samples}
    return estimate(measure, Reading(value, replicates, notes=notes), samples=held_out.samples)


def as_reading(found: Any) -> Reading:
    """What a measure returned, as a reading."""
    return found if isinstance(found, Reading) else Reading(float(found))


def _prepared(measure: Measure, data: Any, settings: Settings, kept: dict[Hashable, Any]) -> Any:
    key = (measure.prepare, id(data), tuple(sorted(settings.items())))
    if key not in kept:
        # The data is kept with it: an identity is only unique while its object lives.
        kept[key] = (measure.prepare(data, **settings), data)
    return kept[key][0]


def _or_nan(number: Callable[[Any], float], part: Any) -> float:
    try:
        return number(part)
    except Undefined:
        return math.nan


def evaluate_network(measure: Measure, subjects: Sequence[Subject], settings: Settings) -> Cell:
    """The cell of one network, or of a pair of networks, on a probe set."""
    try:
        with torch.random.fork_rng(devices=[]):
            for subject in subjects:
                _check_subject(subject, needs_labels=measure.card.needs_labels)
            found = _in_room(measure, subjects, settings)
    except Undefined as sentence:
        return not_applicable(str(sentence))
    except NotImplementedError as error:
        return not_applicable(f"A layer of the network has no derivative of this kind: {str(error)[:120]}")
    except torch._C._LinAlgError:  # type: ignore[attr-defined]
        return not_applicable("The computation did not converge: numbers in it grew beyond what a float can hold.")
    reading = as_reading(found)
    if not math.isfinite(reading.value):
        return not_applicable(measure.undefined)
    return estimate(measure, reading, samples=subjects[0].samples)


def _check_steady(subject: Subject) -> None:
    """Refuse a network whose two passes differ: it draws noise in eval mode too."""

    def is_steady() -> bool:
        with torch.no_grad():
            one, two = (subject.logits(subject.weights, subject.x[:FEWEST_PER_PASS]) for _ in range(2))
        return torch.allclose(one, two, rtol=1e-4, atol=1e-6, equal_nan=True)

    if not subject.once("steady", is_steady):
        raise Undefined("The network answers the same samples differently each time, so it has no number of its own.")


def _in_room(measure: Measure, subjects: Sequence[Subject], settings: Settings) -> Any:
    """The number, with fewer samples in one pass whenever memory runs out."""
    while True:
        try:
            for subject in subjects:
                _check_steady(subject)
            return measure.compute(*subjects, **settings)
        except RuntimeError as error:
            if not any(words in str(error) for words in OUT_OF_MEMORY):
                raise
            if all(s.chunk <= FEWEST_PER_PASS for s in subjects):
                raise Undefined(
                    f"There is not enough memory for this network, even with {FEWEST_PER_PASS} samples at a time."
                ) from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        smaller = [s.in_smaller_passes() for s in subjects]
        for subject in subjects:
            # Graphs and bases of the pass that failed would fill the memory again.
            subject.kept.clear()
        subjects = smaller


def _check_subject(subject: Subject, *, needs_labels: bool) -> None:
    bad = sum(int(w.numel() - w.isfinite().sum()) for w in subject.weights.values())
    if bad:
        raise Undefined(f"{bad} weights are NaN or infinite.")
    if not subject.weights:
        raise Undefined("The network has no trained parameters.")
    if needs_labels and subject.y.numel() == 0:
        raise Undefined("This measure needs labels, and the probe set has none.")
