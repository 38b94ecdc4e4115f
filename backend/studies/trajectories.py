"""Numbers along training, and when they first pass a limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.studies import Dots, Effect, EffectKind, Line, Lines
from kinscape.backend.statistics import paired
from kinscape.backend.statistics.paired import smallest_p_of_two
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.data import SingleColumn, StudyData
from kinscape.backend.studies.effects import Hypothesis, Row, in_both_directions, mean_effect, two_groups_of_times
from kinscape.backend.studies.template import SINGLES, Design, Found, Pairs

TRAIN = "accuracy on train samples"
# Beyond training, chance and rounding decide (Power et al. 2022 use the same).
TRAIN_LIMIT = 0.99
HELD_OUT_LIMIT = 0.95
DELAY = "delay"
BETWEEN = "from learning to generalising"


@dataclass(frozen=True)
class Trajectories:
    """Runs of several groups: every number against the step, and the delay between learning and generalising.

    The delay is from the first step at which the accuracy on train samples passes 0.99 to the first at which that on
    held-out samples passes 0.95. A run that never gets there is censored: its delay is longer than what was seen.
    """

    role: str
    accuracy: str = "accuracy"
    gap: str = "generalisation-gap"

    def pairs(self, cast: Cast) -> Pairs:
        """No pairs: every measure is of single models."""
        return set()

    @property
    def reads(self) -> frozenset[Arity]:
        """Measures of single models."""
        return SINGLES

    def design(self, cast: Cast) -> Design:
        """Runs of the two largest groups."""
        sizes = sorted((len(names) for names in _by_group(_runs(cast[self.role])).values()), reverse=True)
        if len(sizes) < 2:
            return Design(0, "runs")
        least = min(1.0, 2 * smallest_p_of_two(sizes[0], sizes[1]))
        return Design(sizes[0] + sizes[1], "runs", least, is_paired=False, is_two_sided=True)

    def find(self, data: StudyData) -> Found:
        """Lines, delays, and whether groups of runs differ in them."""
        runs = _runs(data.cast[self.role])
        lost = sum(1 for c in data.cast[self.role] if not c.run or c.step is None)
        warnings = [f"{lost} checkpoints have no run or no step and are left out."] if lost else []
        train = self._train(data)
        columns = [(c.title, c.key, c.values) for c in data.singles if c.card.slug != self.gap]
        if train:
            columns.append(("Accuracy on train samples", TRAIN, train))
        lines = [Lines(title=t, measure=key, lines=_lines(runs, values)) for t, key, values in columns]
        held_out = data.single(self.accuracy)
        if held_out is None or not train:
            return Found(
                lines=lines, warnings=[*warnings, "Delays need the accuracy on held-out and on train samples."]
            )
        delays = {name: _delay(of, train, held_out.values) for name, of in runs.items()}
        dots, rows = _delays(runs, delays)
        moments = {name: _moments(of, train, held_out.values) for name, of in runs.items()}
        others = [c for c in data.singles if c.card.slug not in (self.accuracy, self.gap)]
        rows += _between(runs, moments, others)
        rows += [Row(e) for e in _last(runs, data.singles, skip=(self.gap,))]
        return Found(rows=rows, dots=dots, lines=lines, warnings=[*warnings, *_censored(delays)])

    def _train(self, data: StudyData) -> dict[int, float]:
        """Accuracy on train samples: that on held-out ones plus the gap of errors."""
        held_out, gap = data.single(self.accuracy), data.single(self.gap)
        if held_out is None or gap is None:
            return {}
        return {i: v + gap.values[i] for i, v in held_out.values.items() if i in gap.values}


@dataclass(frozen=True)
class Delay:
    """Steps from learning to generalising; ``is_over`` where that was seen, else the steps that were waited."""

    steps: float
    is_over: bool


def first_passage(steps: Sequence[int], values: Sequence[float], limit: float) -> int | None:
    """The first step whose value is at least the limit; None where it never is."""
    return next((s for s, v in zip(steps, values, strict=True) if np.isfinite(v) and v >= limit), None)


def _moments(
    run: Sequence[Candidate], train: Mapping[int, float], held_out: Mapping[int, float]
) -> tuple[Candidate, Candidate | None] | None:
    """The checkpoints at which a run has learned and generalised; None where it never did."""
    steps = [c.step or 0 for c in run]
    at = {c.step or 0: c for c in run}
    learned = first_passage(steps, [train.get(c.id, np.nan) for c in run], TRAIN_LIMIT)
    if learned is None:
        return None
    general = first_passage(steps, [held_out.get(c.id, np.nan) for c in run], HELD_OUT_LIMIT)
    return at[learned], None if general is None else at[general]


def _delay(run: Sequence[Candidate], train: Mapping[int, float], held_out: Mapping[int, float]) -> Delay | None:
    moments = _moments(run, train, held_out)
    if moments is None:
        return None
    learned, general = moments
    end = run[-1] if general is None else general
    return Delay(float((end.step or 0) - (learned.step or 0)), general is not None)


def _runs(some: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """Checkpoints of each run by step; runs of one name in several groups are several runs."""
    placed = [c for c in some if c.run and c.step is not None]
    groups: dict[str, set[str]] = {}
    for one in placed:
        groups.setdefault(one.run, set()).add(one.group)
    found: dict[str, list[Candidate]] = {}
    for one in sorted(placed, key=lambda c: (c.group, c.run, c.step or 0)):
        name = one.run if len(groups[one.run]) == 1 else f"{one.group or 'no group'}/{one.run}"
        found.setdefault(name, []).append(one)
    return found


def _lines(runs: Mapping[str, Sequence[Candidate]], values: Mapping[int, float]) -> list[Line]:
    return [
        Line(
            name=name,
            group=of[0].group,
            steps=[c.step or 0 for c in of],
            values=[v if (v := values.get(c.id)) is not None and np.isfinite(v) else None for c in of],
        )
        for name, of in runs.items()
    ]


def _by_group(runs: Mapping[str, Sequence[Candidate]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, of in runs.items():
        groups.setdefault(of[0].group or "no group", []).append(name)
    return dict(sorted(groups.items()))


def _delays(
    runs: Mapping[str, Sequence[Candidate]], delays: Mapping[str, Delay | None]
) -> tuple[list[Dots], list[Row]]:
    groups = _by_group(runs)
    known = {g: {n: d for n in names if (d := delays[n]) is not None} for g, names in groups.items()}
    blank = Effect(
        suite=DELAY,
        measure=DELAY,
        title="Delay of generalisation",
        contrast="",
        kind=EffectKind.MEAN,
        effect=None,
        unit="runs",
    )
    rows = []
    for group, of in known.items():
        seen = np.array([d.steps for d in of.values()])
        told = "" if all(d.is_over for d in of.values()) else "At least: some runs never got there."
        if not len(seen):
            told = "No run of it learned the train samples."
        mean = float(seen.mean()) if len(seen) else None
        low, high = (paired.mean_interval(seen) if not told else None) or (None, None)
        found = {"contrast": group, "effect": mean, "low": low, "high": high, "n": len(seen), "sentence": told}
        rows.append(Row(blank.model_copy(update=found)))
    rows += [_compared(blank, a, b, known) for a, b in combinations(known, 2)]
    units = sorted(delays)
    table = [[(d.steps if (d := of.get(u)) and d.is_over else None) for u in units] for of in known.values()]
    dots = Dots(
        title="Delay in steps, of runs that were seen to end",
        measure=DELAY,
        unit="runs",
        roles=list(known),
        units=units,
        values=table,
    )
    return [dots], rows


def _compared(blank: Effect, a: str, b: str, known: Mapping[str, Mapping[str, Delay]]) -> Row:
    sides = [list(known[g].values()) for g in (a, b)]
    one, two = (np.array([d.steps for d in side]) for side in sides)
    seen = np.array([d.is_over for side in sides for d in side], dtype=bool)
    named = blank.model_copy(update={"contrast": f"{a} − {b}"})
    # Nothing says which of the groups is expected to be sooner: their names are in alphabetical order.
    return in_both_directions(two_groups_of_times(named, one, two, seen, Hypothesis(-1, "shorter", "longer")))


def _between(
    runs: Mapping[str, Sequence[Candidate]],
    moments: Mapping[str, tuple[Candidate, Candidate | None] | None],
    columns: Sequence[SingleColumn],
) -> list[Row]:
    """How much every number changes from learning to generalising, over the runs of a group that did both."""
    found = []
    for column in columns:
        for group, names in _by_group(runs).items():
            changes = {}
            for name in names:
                learned, general = moments[name] or (None, None)
                if learned is not None and general is not None:
                    one, two = (column.values.get(c.id, np.nan) for c in (learned, general))
                    changes[name] = two - one
            blank = Effect(
                suite=BETWEEN,
                measure=column.key,
                title=column.title,
                contrast=group,
                kind=EffectKind.MEAN,
                effect=None,
                unit="runs",
            )
            found.append(mean_effect(blank, changes))
    return found


def _last(
    runs: Mapping[str, Sequence[Candidate]], columns: Sequence[SingleColumn], *, skip: Sequence[str]
) -> list[Effect]:
    """Every number at the last step of each run, group by group."""
    found = []
    for column in columns:
        if column.card.slug in skip:
            continue
        for group, names in _by_group(runs).items():
            last = [column.values.get(runs[name][-1].id, np.nan) for name in names]
            some = np.array([v for v in last if np.isfinite(v)])
            low, high = (paired.mean_interval(some) if len(some) else None) or (None, None)
            found.append(
                Effect(
                    suite="last step",
                    measure=column.key,
                    title=f"{column.title} at the last step",
                    contrast=group,
                    kind=EffectKind.MEAN,
                    effect=float(some.mean()) if len(some) else None,
                    low=low,
                    high=high,
                    n=len(some),
                    unit="runs",
                    sentence="" if len(some) else "None of them has this number.",
                )
            )
    return found


def _censored(delays: Mapping[str, Delay | None]) -> list[str]:
    never = [n for n, d in delays.items() if d is not None and not d.is_over]
    unlearned = [n for n, d in delays.items() if d is None]
    told = []
    if never:
        told.append(f"Censored (held-out accuracy never passed {HELD_OUT_LIMIT}): {', '.join(never[:6])}.")
    if unlearned:
        told.append(f"Left out (train accuracy never passed {TRAIN_LIMIT}): {', '.join(unlearned[:6])}.")
    return told
