"""A measure of a comparison along the steps of its training runs."""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.actions import matrices, measures, passages
from kinscape.backend.actions.matrices import MatrixArrays
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.trajectories import Against, TrainingRun, Trajectories, TrajectoryLine
from kinscape.backend.store import checkpoints

# A run with fewer steps is a point.
FEWEST_STEPS = 2
# Lines between runs that a picture still shows apart.
MOST_PAIRS = 15
NO_RUNS = (
    "No run has two steps here: give the checkpoints of a run its name and their steps (run=, step= when uploading, or "
    "in the library)."
)
Place = tuple[int, int]


def trajectories(
    session: Session,
    comparison: int,
    measure: str,
    *,
    layer: str | None = None,
    reaches: float | None = None,
    falling: bool = False,
) -> Trajectories:
    """One measure along every run of the comparison that has at least two steps.

    A measure of pairs is held against the run's last and first step, the step before, and every other run at the same
    step. Of several checkpoints at one step the newest counts.

    Args:
        reaches: a limit, of which the first step is told that reaches it.
        falling: whether the limit is reached from above.
    """
    asked = measures.find(session, comparison, measure, layer=layer)
    runs = _runs(session, asked.ids)
    whole = matrices.matrix(session, asked) if runs else None
    lines: list[TrajectoryLine] = []
    sentence = "" if runs else NO_RUNS
    if whole is not None:
        rows = {id: k for k, id in enumerate(whole.header.ids)}
        if asked.card.arity is Arity.MODEL:
            lines = [_alone(whole, place, run, rows) for place, run in enumerate(runs)]
        else:
            lines = [line for place, run in enumerate(runs) for line in _along(whole, place, run, rows)]
            others = list(_between(whole, runs, rows))
            lines += others[:MOST_PAIRS]
            if len(others) > MOST_PAIRS:
                sentence = f"Of {len(others)} pairs of runs the first {MOST_PAIRS} are shown at equal steps."
    passed = [] if reaches is None else passages.passages(lines, reaches, falling=falling)
    return Trajectories(
        measure=asked.name,
        slug=asked.card.slug,
        layer=asked.question.layer_a or None,
        runs=runs,
        lines=lines,
        sentence=sentence,
        passages=passed,
        tests=passages.compared(passed, runs),
    )


def _runs(session: Session, ids: Sequence[int]) -> list[TrainingRun]:
    by_run: dict[str, dict[int, tuple[int, str]]] = {}
    for row in checkpoints.by_ids(session, ids):
        if row.run and row.step is not None:
            known = by_run.setdefault(row.run, {})
            known[row.step] = max(known.get(row.step, (0, "")), (row.id, row.group_name))
    out = []
    for name, at in sorted(by_run.items()):
        steps = sorted(at)
        if len(steps) >= FEWEST_STEPS:
            members = [at[step][0] for step in steps]
            out.append(TrainingRun(run=name, group=at[steps[-1]][1], checkpoints=members, steps=steps))
    return out


def _alone(whole: MatrixArrays, place: int, run: TrainingRun, rows: dict[int, int]) -> TrajectoryLine:
    return _line(whole, [((rows[id], 0), step) for id, step in _points(run)], place=place, against=Against.ITSELF)


def _along(whole: MatrixArrays, place: int, run: TrainingRun, rows: dict[int, int]) -> Iterator[TrajectoryLine]:
    """A run against its own end, start and step before."""
    points = [(rows[id], step) for id, step in _points(run)]
    first, last = points[0][0], points[-1][0]
    before = [((k, earlier), step) for (earlier, _), (k, step) in pairwise(points)]
    yield _line(whole, [((k, last), step) for k, step in points[:-1]], place=place, against=Against.END)
    yield _line(whole, [((k, first), step) for k, step in points[1:]], place=place, against=Against.START)
    yield _line(whole, before, place=place, against=Against.BEFORE)


def _between(whole: MatrixArrays, runs: Sequence[TrainingRun], rows: dict[int, int]) -> Iterator[TrajectoryLine]:
    """Two runs at the steps that both have."""
    for (k, one), (other, two) in combinations(enumerate(runs), 2):
        there = dict(zip(two.steps, two.checkpoints, strict=True))
        common = [((rows[id], rows[there[s]]), s) for id, s in _points(one) if s in there]
        if common:
            yield _line(whole, common, place=k, against=Against.OTHER, other=other)


def _points(run: TrainingRun) -> Iterator[tuple[int, int]]:
    return zip(run.checkpoints, run.steps, strict=True)


def _line(whole: MatrixArrays, points: Sequence[tuple[Place, int]], **what: Any) -> TrajectoryLine:
    """The numbers at these places of a matrix, each at its step."""
    columns = {
        name: [_number(getattr(whole, name)[place]) for place, _ in points] for name in ("values", "low", "high")
    }
    return TrajectoryLine(steps=[step for _, step in points], **columns, **what)


def _number(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None
