"""Numbers of many pairs, also where every position of a feature map counts, and what chance scores."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from backend.contracts.cards import Pace, Uncertainty
from worker.evaluation.intervals import FEWEST_GROUPS, NAN, take_rows
from worker.evaluation.measure import Measure, Settings
from worker.evaluation.pairs import Answers, answer_rows
from worker.evaluation.sample_means import Pair
from worker.inputs.outputs import Outputs
from worker.inputs.undefined import Undefined

FEWEST_PER_CLASS = 5
CHANCE_DRAWS = {Pace.PRODUCT: 4, Pace.PAIR: 2, Pace.PATH: 1}


def answer_pairs(
    measure: Measure,
    left: Mapping[Hashable, Any],
    right: Mapping[Hashable, Any],
    pairs: Sequence[Pair],
    settings: Settings,
    *,
    groups: Sequence[Tensor] = (),
    kept: dict[Hashable, Any] | None = None,
) -> Answers:
    """The numbers of pairs of features, outputs or weights.

    Args:
        left, right: what each side shows, by name; one object where both sides are the same. Features are
            ``(samples, width)``, or ``(samples, positions, width)`` where every position counts.
        groups: samples to leave out together for the intervals; none for values alone.
        kept: shared by measures of the same models, so that one pass serves several.
    """
    if not any(positions_of(x) is not None for side in (left, right) for x in side.values()):
        return answer_rows(measure, left, right, pairs, settings, groups=groups, kept=kept)
    groups = tuple(groups) if len(groups) >= FEWEST_GROUPS and measure.card.uncertainty is not Uncertainty.EXACT else ()
    return _of_positions(measure, left, right, pairs, settings, groups=groups)


def positions_of(data: Any) -> int | None:
    """Positions per sample, where every position counts."""
    return int(data.shape[1]) if isinstance(data, Tensor) and data.ndim == 3 else None


def _of_positions(
    measure: Measure,
    left: Mapping[Hashable, Any],
    right: Mapping[Hashable, Any],
    pairs: Sequence[Pair],
    settings: Settings,
    *,
    groups: tuple[Tensor, ...],
) -> Answers:
    """The same for features ``(samples, positions, width)``: those with equally many positions meet."""
    answers = Answers(torch.full((len(pairs),), NAN, dtype=torch.float64))
    if groups:
        answers.replicates = torch.full((len(groups), len(pairs)), NAN, dtype=torch.float64)
    one_place = right is left
    left, right = ({n: x[:, 0] if positions_of(x) == 1 else x for n, x in side.items()} for side in (left, right))
    right = left if one_place else right
    alike: dict[int | None, list[int]] = {}
    for k, (a, b) in enumerate(pairs):
        counts = positions_of(left[a]), positions_of(right[b])
        if counts[0] != counts[1]:
            one, other = (c or 1 for c in counts)
            answers.reasons[k] = f"Not comparable: one has {one} positions per sample, the other {other}."
        elif counts[0] is not None and not measure.card.takes_positions:
            answers.reasons[k] = f"{measure.card.slug} does not take every position as a sample."
        else:
            alike.setdefault(counts[0], []).append(k)
    for count, places in alike.items():
        some = [pairs[k] for k in places]
        sides = [{n: side[n] for n in dict.fromkeys(p[which] for p in some)} for which, side in ((0, left), (1, right))]
        if right is left:
            # One object for both sides says that a model meets itself.
            sides = [{**sides[0], **sides[1]}] * 2
        found = _of_equal_positions(measure, sides[0], sides[1], some, settings, groups, count)
        answers.values[places] = found.values
        if answers.replicates is not None and found.replicates is not None:
            answers.replicates[:, places] = found.replicates
        answers.reasons |= {places[k]: sentence for k, sentence in found.reasons.items()}
        answers.notes |= {places[k]: notes for k, notes in found.notes.items()}
        answers.refused |= found.refused
    return answers


def _of_equal_positions(
    measure: Measure,
    left: Mapping[Hashable, Any],
    right: Mapping[Hashable, Any],
    pairs: Sequence[Pair],
    settings: Settings,
    groups: tuple[Tensor, ...],
    count: int | None,
) -> Answers:
    if count is not None and callable(measure.by_position):
        own = replace(measure, together=measure.by_position, check=not_constant_anywhere)
        return answer_rows(own, left, right, pairs, settings, groups=groups)
    if count is None:
        return answer_rows(measure, left, right, pairs, settings, groups=groups)
    rows = [{n: x.flatten(0, 1) for n, x in side.items()} for side in ((left,) if right is left else (left, right))]
    # Samples leave with all of their positions.
    clusters = tuple((g[:, None] * count + torch.arange(count)).flatten() for g in groups)
    return answer_rows(measure, rows[0], rows[-1], pairs, settings, groups=clusters)


def not_constant_anywhere(features: Tensor, **_: object) -> None:
    """Refuse features ``(samples, positions, width)`` that are the same everywhere."""
    if bool((features == features[:1, :1]).all()):
        raise Undefined("All features are constant over the probe set, so similarity is 0/0.")


def chance_levels(
    measure: Measure,
    left: Mapping[Hashable, Any],
    right: Mapping[Hashable, Any],
    pairs: Sequence[Pair],
    settings: Settings,
) -> Tensor:
    """What each pair ``(pairs,)`` scores when its samples no longer belong together, mean over draws.

    Every model's samples are shuffled on their own: features then are independent, and answers too;
    where there are labels, answers are shuffled within a class, so that accuracies stay.
    """
    none = torch.full((len(pairs),), NAN, dtype=torch.float64)
    some = next(iter(left.values()), None)
    if some is None or (some.samples if isinstance(some, Outputs) else len(some)) < 2:
        # One sample shuffled is itself.
        return none
    labels = some.labels if isinstance(some, Outputs) else None
    if labels is not None and len(labels) < FEWEST_PER_CLASS * len(labels.unique()):
        # With a handful of samples per class, a shuffle within classes changes next to nothing.
        return none
    generator = torch.Generator().manual_seed(0)
    draws = CHANCE_DRAWS[measure.card.pace]
    total = torch.zeros(len(pairs), dtype=torch.float64)
    for _ in range(draws):
        first = {name: _shuffled(data, generator) for name, data in left.items()}
        second = first if right is left else {name: _shuffled(data, generator) for name, data in right.items()}
        total += answer_pairs(measure, first, second, pairs, settings).values
    itself = torch.tensor([a == b and right is left for a, b in pairs])
    return torch.where(itself, none, total / draws)


def _shuffled(data: Any, generator: torch.Generator) -> Any:
    if not isinstance(data, Outputs) or data.labels is None:
        samples = data.samples if isinstance(data, Outputs) else len(data)
        return take_rows(data, torch.randperm(samples, generator=generator))
    labels = data.labels.cpu()
    order = torch.empty_like(labels)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        order[rows] = rows[torch.randperm(len(rows), generator=generator)]
    return take_rows(data, order)
