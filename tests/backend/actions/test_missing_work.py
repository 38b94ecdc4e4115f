"""From cells that are not known to jobs: each cell once, none that was not asked for, what takes little first."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinscape.backend.actions.costs import Costs
from kinscape.backend.actions.missing_work import MOST_CELLS, QUICK_S, MissingCells, MissingWork
from kinscape.backend.contracts.cards import Arity, Card, Direction, Family, Input, Pace, Role, Topic, Uncertainty
from kinscape.backend.contracts.cell_arrays import places
from kinscape.backend.contracts.comparisons import ComparisonCreate
from kinscape.backend.contracts.jobs import Forward, ModelJob, Tile
from kinscape.backend.store import timings
from kinscape.backend.store.questions import Question


def card(
    *, arity: Arity = Arity.PAIR, pace: Pace = Pace.PAIR, input: Input = Input.OUTPUTS, symmetric: bool = True
) -> Card:
    """A card of no real measure."""
    return Card(
        slug="x",
        title="X",
        summary="A number.",
        family=Family.FUNCTIONAL,
        topic=Topic.FUNCTIONAL_SIMILARITY,
        arity=arity,
        input=input,
        formula="x",
        low=0,
        high=1,
        identical=0.0 if arity is Arity.PAIR else None,
        direction=Direction.LOWER_IS_ALIKE,
        symmetric=symmetric,
        role=Role.HELD_OUT,
        uncertainty=Uncertainty.EXACT,
        reliable_from="always",
        pitfalls="none",
        source="here",
        pace=pace,
    )


def question(slug: str = "x", **more: Any) -> Question:
    fields = {"version": 1, "arity": Arity.PAIR, "input": Input.OUTPUTS, "parameters": {}, "probe_id": 1}
    return Question(slug=slug, role=Role.HELD_OUT, **{**fields, **more})


def request(pairs: list[tuple[int, int]] | None = None) -> ComparisonCreate:
    return ComparisonCreate(checkpoints=[1, 2], probe=1, measures=["x"], pairs=pairs or [])


def covered(jobs: list[Any], of: Card) -> list[tuple[int, int]]:
    """Every cell that tiles compute, as often as they do."""
    found = []
    for job in jobs:
        for part in job.parts if isinstance(job, Tile) else []:
            a, b = places(of, part.rows, part.members, has_own=False)
            found += list(zip(a.tolist(), b.tolist(), strict=True))
    return found


PAIRS = st.sets(
    st.tuples(st.integers(1, 12), st.integers(1, 12)).filter(lambda p: p[0] < p[1]), min_size=1, max_size=40
)


@given(PAIRS, st.booleans())
def test_named_pairs_are_computed_once_and_no_others(pairs: set[tuple[int, int]], symmetric: bool) -> None:  # noqa: FBT001
    of = card(symmetric=symmetric)
    wanted = sorted(pairs) + ([] if symmetric else [(b, a) for a, b in sorted(pairs)])
    a, b = np.array(wanted, dtype=np.int64).T
    work = MissingWork(missing=[MissingCells(question(), of, a, b)])
    jobs = work.jobs({question().key: 7}, request(sorted(pairs)))
    assert sorted(covered(jobs, of)) == sorted(wanted)


@given(st.integers(2, 60), st.sampled_from(list(Pace)))
def test_a_whole_matrix_is_cut_and_covered(models: int, pace: Pace) -> None:
    of = card(pace=pace)
    a, b = places(of, range(1, models + 1), range(1, models + 1), has_own=False)
    jobs = MissingWork(missing=[MissingCells(question(), of, a, b)]).jobs({question().key: 1}, request())
    assert sorted(covered(jobs, of)) == sorted(zip(a.tolist(), b.tolist(), strict=True))
    for job in jobs:
        assert isinstance(job, Tile)
        assert all(len(p.rows) == 1 or len(p.rows) * len(p.members) <= 4 * MOST_CELLS[pace] for p in job.parts)


def test_what_takes_little_comes_before_what_takes_long_of_anybody() -> None:
    of_model = card(arity=Arity.MODEL)
    here = np.array([1, 2], dtype=np.int64)
    slow, quick = question("slow", arity=Arity.MODEL), question("quick", arity=Arity.MODEL)
    medium = question("medium", arity=Arity.MODEL)
    pair, path = question("pair"), question("path")
    one, two = here[:1], here[1:]
    work = MissingWork(
        missing=[
            MissingCells(path, card(pace=Pace.PATH), one, two, 0.01),
            MissingCells(slow, of_model, here, here, 200.0),
            MissingCells(medium, of_model, here, here, 20.0),
            MissingCells(pair, card(), one, two, 0.01),
            MissingCells(quick, of_model, here, here, 0.02),
        ],
        passes={(1, 1): {"layer"}},
    )
    numbers = {q.key: k for k, q in enumerate((slow, medium, quick, pair, path), start=1)}
    jobs = work.jobs(numbers, request())
    told = [
        (type(j).__name__, j.questions if isinstance(j, ModelJob) else [p.question for p in j.parts])
        for j in jobs
        if not isinstance(j, Forward)
    ]
    assert isinstance(jobs[0], Forward)
    assert told == [
        ("Tile", [4]),
        ("ModelJob", [3]),
        ("ModelJob", [3]),
        # Of one network, the medium number does not wait for the slow one.
        ("ModelJob", [2, 1]),
        ("ModelJob", [2, 1]),
        ("Tile", [5]),
    ]
    assert MissingCells(slow, of_model, here, here, 2 * QUICK_S).is_quick
    assert not MissingCells(slow, of_model, here, here, 2.01 * QUICK_S).is_quick


def test_a_cell_costs_what_such_cells_cost_here() -> None:
    asked = question("trace", input=Input.NETWORK, arity=Arity.MODEL)
    of = card(arity=Arity.MODEL, input=Input.NETWORK)
    here = np.array([1], dtype=np.int64)
    rate = {timings.key_of("trace", {}): 2e-6}
    known = Costs({1: 270_000.0}, {1: 1000}, rate)
    assert known.seconds(asked, of, here, here) == pytest.approx(2e-6 * 270_000 * 1000)
    larger = Costs({1: 540_000.0}, {1: 1000}, rate)
    assert larger.seconds(asked, of, here, here) == pytest.approx(2 * 2e-6 * 270_000 * 1000)
    # Never timed here: as in the zoo, in proportion to its size.
    unknown = Costs({1: 20_000.0}, {1: 500}, {})
    assert unknown.seconds(asked, of, here, here) == pytest.approx(1.0)
    assert Costs({1: 40_000.0}, {1: 500}, {}).seconds(asked, of, here, here) == pytest.approx(2.0)
    assert known.seconds(asked, of, here[:0], here[:0]) == 0.0


def test_other_parameters_are_timed_apart() -> None:
    assert timings.key_of("x", {"a": 1, "b": 2}) == timings.key_of("x", {"b": 2, "a": 1})
    assert timings.key_of("x", {"a": 1}) != timings.key_of("x", {"a": 2})


@pytest.mark.parametrize(
    ("input", "work"), [(Input.OUTPUTS, 500), (Input.FEATURES, 500), (Input.WEIGHTS, 1e4), (Input.NETWORK, 5e6)]
)
def test_work_is_counted_in_what_a_measure_reads(input: Input, work: float) -> None:
    assert timings.work_of(input, samples=500, parameters=1e4) == work
