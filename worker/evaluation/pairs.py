"""Numbers of many pairs at once: values, leave-one-group-out values, and reasons."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from backend.contracts.cards import Pace, Uncertainty
from worker.evaluation.intervals import FEWEST_GROUPS, NAN, others, take_rows
from worker.evaluation.measure import Block, Measure, Reading, Settings
from worker.evaluation.sample_means import Pair, places, shape_of, sums_over_groups
from worker.inputs.outputs import Outputs
from worker.inputs.undefined import Undefined
from worker.numerics.progress import steps

Data = Outputs | Tensor
ROUNDING = 1e-6


@dataclass
class Answers:
    """Numbers of pairs in the order in which they were asked.

    Attributes:
        values: ``(pairs,)``, float64 on the processor; NaN where there is a reason instead.
        replicates: ``(groups, pairs)`` with one group of samples left out, where it was asked for.
        reasons: sentences by position.
        notes: what was found beside the numbers, by position.
        series: columns behind the numbers, by position.
        refused: sentences for single inputs that have no number with any other, by name.
    """

    values: Tensor
    replicates: Tensor | None = None
    reasons: dict[int, str] = field(default_factory=dict)
    notes: dict[int, dict[str, float | int | str]] = field(default_factory=dict)
    series: dict[int, Mapping[str, Sequence[float | str | None]]] = field(default_factory=dict)
    refused: dict[Hashable, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Asked:
    """Pairs of one measure that have a number; ``known`` are their positions in the answer."""

    measure: Measure
    pairs: list[Pair]
    known: list[int]
    settings: Settings
    groups: tuple[Tensor, ...]


def answer_rows(
    measure: Measure,
    left: Mapping[Hashable, Any],
    right: Mapping[Hashable, Any],
    pairs: Sequence[Pair],
    settings: Settings,
    *,
    groups: Sequence[Tensor] = (),
    kept: dict[Hashable, Any] | None = None,
) -> Answers:
    """The numbers of pairs of features ``(samples, width)``, outputs or weights, by the fastest way known.

    Args:
        left, right: what each side shows, by name; one object where both sides are the same.
        groups: rows to leave out together for the intervals; none for values alone.
        kept: shared by measures of the same models, so that one pass serves several.
    """
    groups = tuple(groups) if len(groups) >= FEWEST_GROUPS else ()
    if measure.card.uncertainty is Uncertainty.EXACT:
        groups = ()
    answers = Answers(torch.full((len(pairs),), NAN, dtype=torch.float64))
    first, refused = prepare_all(measure, left, settings)
    second, refused_too = (first, refused) if right is left else prepare_all(measure, right, settings)
    answers.refused = {**refused_too, **refused}
    if refused or refused_too or not _are_alike(left, right):
        for k, (a, b) in enumerate(pairs):
            if sentence := refused.get(a) or refused_too.get(b) or _unlike(left[a], right[b]):
                answers.reasons[k] = sentence
    known = [k for k in range(len(pairs)) if k not in answers.reasons]
    if not known:
        return answers
    asked = _Asked(measure, [pairs[k] for k in known], known, settings, groups)
    if groups:
        answers.replicates = torch.full((len(groups), len(pairs)), NAN, dtype=torch.float64)
    if measure.together is not None:
        _together(asked, left, right, answers, kept={} if kept is None else kept)
    elif measure.means is not None:
        of = [side[n] for side, p in ((left, 0), (right, 1)) for n in dict.fromkeys(x[p] for x in pairs)]
        _from_means(asked, first, second, answers, kept={} if kept is None else kept, of=of)
    else:
        found = pair_values(measure, first, second, asked.pairs, settings)
        answers.values[known] = found.values
        answers.reasons |= {known[k]: sentence for k, sentence in found.reasons.items()}
        answers.notes = {known[k]: notes for k, notes in found.notes.items()}
        answers.series = {known[k]: series for k, series in found.series.items()}
        if answers.replicates is not None:
            answers.replicates[:, known] = _resampled(asked, left, right)
    answers.values = _within(measure, answers.values)
    for k in (~answers.values.isfinite()).nonzero().flatten().tolist():
        answers.reasons.setdefault(k, measure.undefined)
    return answers


def _within(measure: Measure, values: Tensor) -> Tensor:
    """Values without the rounding that carries some beyond the ends of the range."""
    low, high = measure.card.low, measure.card.high
    if low is not None:
        values = torch.where((values < low) & (values > low - ROUNDING), low, values)
    if high is not None:
        values = torch.where((values > high) & (values < high + ROUNDING), high, values)
    return values


def _are_alike(left: Mapping[Hashable, Any], right: Mapping[Hashable, Any]) -> bool:
    """Whether no pair can be unlike: everybody gave as much."""
    every = [*left.values(), *right.values()]
    return not any(_unlike(every[0], one) for one in every)


def _unlike(a: Any, b: Any) -> str:
    if isinstance(a, Outputs) and a.logits.shape[1] != b.logits.shape[1]:
        return f"Not comparable: one answers {a.logits.shape[1]} classes, the other {b.logits.shape[1]}."
    if isinstance(a, Tensor) and len(a) != len(b):
        return f"Not comparable: one was seen on {len(a)} samples, the other on {len(b)}."
    return ""


def prepare_all(
    measure: Measure, data: Mapping[Hashable, Any], settings: Settings
) -> tuple[dict[Hashable, Any], dict[Hashable, str]]:
    """Prepared inputs by name, and sentences for those that the measure is not defined for."""
    prepared, refused = {}, {}
    prepare = measure.prepare if measure.check is None else measure.check
    for name, value in data.items():
        try:
            prepared[name] = prepare(value, **settings)
        except Undefined as sentence:
            refused[name] = str(sentence)
    return prepared, refused


def _together(
    asked: _Asked,
    left: Mapping[Hashable, Any],
    right: Mapping[Hashable, Any],
    answers: Answers,
    *,
    kept: dict[Hashable, Any],
) -> None:
    items: list[Tensor] = []
    place: dict[tuple[bool, Hashable], int] = {}
    index = []
    for pair in asked.pairs:
        for side, name in enumerate(pair):
            key = (side == 1 and right is not left, name)
            if key not in place:
                place[key] = len(items)
                items.append((right if side else left)[name])
        index.append([place[False, pair[0]], place[right is not left, pair[1]]])
    assert asked.measure.together is not None
    block = Block(items, torch.tensor(index), asked.groups, kept)
    try:
        found = asked.measure.together(block, **asked.settings)
    except Undefined as sentence:
        if items[0].ndim == 3:
            answers.reasons |= dict.fromkeys(asked.known, str(sentence))
            return
        _one_by_one(asked, left, right, answers)
        return
    answers.values[asked.known] = found.values.to("cpu", torch.float64)
    if answers.replicates is not None:
        assert found.replicates is not None
        answers.replicates[:, asked.known] = found.replicates.to("cpu", torch.float64)


def _one_by_one(asked: _Asked, left: Mapping[Hashable, Any], right: Mapping[Hashable, Any], answers: Answers) -> None:
    """Pair by pair, where a whole block was refused for the sake of one model or one group left out."""
    slow = replace(asked.measure, together=None, check=None)
    for k, (a, b) in zip(asked.known, asked.pairs, strict=True):
        both: list[Mapping[Hashable, Any]] = [{a: left[a]}, {b: right[b]}]
        one = answer_rows(slow, both[0], both[1], [(a, b)], asked.settings, groups=asked.groups)
        answers.values[k] = one.values[0]
        if one.reasons:
            answers.reasons[k] = one.reasons[0]
        if answers.replicates is not None and one.replicates is not None:
            answers.replicates[:, k] = one.replicates[:, 0]


def _from_means(
    asked: _Asked,
    left: Mapping[Hashable, Any],
    right: Mapping[Hashable, Any],
    answers: Answers,
    *,
    kept: dict[Hashable, Any],
    of: list[Any],
) -> None:
    """Exact leave-one-group-out values from the means of each group, in one pass over the samples."""
    shape = {name: shape_of(prepared) for name, prepared in left.items()}
    alike: dict[torch.Size, list[int]] = {}
    for k, (a, _) in enumerate(asked.pairs):
        alike.setdefault(shape[a], []).append(k)
    finish = asked.measure.finish or (lambda means, **_: means.squeeze(-2))
    for part in alike.values():
        where = [asked.known[k] for k in part]
        pairs = [asked.pairs[k] for k in part]
        how = (asked.measure.means, asked.measure.prepare, tuple(asked.settings.items()), len(asked.groups))
        same = (*how, tuple(pairs), tuple(map(id, of)))
        if same not in kept:
            # The inputs are kept with it: an identity is only unique while its object lives.
            kept[same] = (sums_over_groups(asked.measure, left, right, pairs, asked.settings, groups=asked.groups), of)
        sums, sizes = kept[same][0]
        whole, samples = sums.sum(0), sizes.sum()
        answers.values[where] = finish(whole / samples, **asked.settings)
        if answers.replicates is not None:
            answers.replicates[:, where] = finish((whole - sums) / (samples - sizes), **asked.settings)


def pair_values(
    measure: Measure,
    left: Mapping[Hashable, Any],
    right: Mapping[Hashable, Any],
    pairs: Sequence[Pair],
    settings: Settings,
) -> Answers:
    """Values of prepared inputs, and a sentence where there is none."""
    answers = Answers(torch.full((len(pairs),), NAN, dtype=torch.float64))
    if measure.matrix is not None:
        for rows in steps(_blocks(measure, pairs)):
            firsts = list(dict.fromkeys(pairs[k][0] for k in rows))
            seconds = list(dict.fromkeys(pairs[k][1] for k in rows))
            grid = measure.matrix([left[a] for a in firsts], [right[b] for b in seconds], **settings)
            i, j = places([pairs[k] for k in rows], firsts, seconds)
            answers.values[rows] = grid.to(device="cpu", dtype=torch.float64)[i, j]
        return answers
    for k, (a, b) in steps(list(enumerate(pairs))):
        try:
            found = measure.of_pair(left[a], right[b], settings)
        except Undefined as sentence:
            answers.reasons[k] = str(sentence)
            continue
        if isinstance(found, Reading):
            answers.notes[k], answers.series[k] = found.notes, found.series
        answers.values[k] = found.value if isinstance(found, Reading) else float(found)
    return answers


def _blocks(measure: Measure, pairs: Sequence[Pair]) -> list[list[int]]:
    if measure.card.pace is Pace.PRODUCT:
        return [list(range(len(pairs)))]
    rows: dict[Hashable, list[int]] = {}
    for k, (a, _) in enumerate(pairs):
        rows.setdefault(a, []).append(k)
    return list(rows.values())


def _resampled(asked: _Asked, left: Mapping[Hashable, Any], right: Mapping[Hashable, Any]) -> Tensor:
    """Leave-one-group-out values ``(groups, pairs)`` by doing everything again without each group."""
    measure, pairs, settings = asked.measure, asked.pairs, asked.settings
    out = []
    for number in steps(range(len(asked.groups))):
        rows = others(asked.groups, number)
        first, _ = prepare_all(measure, {n: take_rows(d, rows) for n, d in left.items()}, settings)
        second = first
        if right is not left:
            second, _ = prepare_all(measure, {n: take_rows(d, rows) for n, d in right.items()}, settings)
        there = [k for k, (a, b) in enumerate(pairs) if a in first and b in second]
        values = torch.full((len(pairs),), NAN, dtype=torch.float64)
        if there:
            values[there] = pair_values(measure, first, second, [pairs[k] for k in there], settings).values
        out.append(values)
    return torch.stack(out)
