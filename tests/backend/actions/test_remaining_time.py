"""How long a comparison will go on, from what its jobs took so far."""

import pytest

from kinscape.backend.actions.comparisons import progress_from
from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.jobs import JobKind, JobState
from kinscape.backend.store.jobs import Tally
from kinscape.backend.store.tables import ComparisonRow

DONE, QUEUED, RUNNING = JobState.DONE, JobState.QUEUED, JobState.RUNNING


def row(state: ComparisonState = ComparisonState.RUNNING) -> ComparisonRow:
    return ComparisonRow(state=state, version=1)


def test_each_kind_goes_on_as_it_went_and_workers_share_it() -> None:
    tallies = [
        Tally(JobKind.FORWARD, DONE, 10, 1.0),
        Tally(JobKind.MODEL, DONE, 4, 40.0),
        Tally(JobKind.MODEL, QUEUED, 7, 0.0),
        Tally(JobKind.MODEL, RUNNING, 1, 0.0),
        Tally(JobKind.TILE, DONE, 2, 4.0),
        Tally(JobKind.TILE, RUNNING, 1, 0.0),
        Tally(JobKind.SUMMARISE, QUEUED, 1, 0.0),
    ]
    assert progress_from(row(), tallies).seconds_left == pytest.approx((8 * 10 + 1 * 2) / 2)


def test_a_kind_of_which_nothing_is_done_takes_what_is_usual() -> None:
    tallies = [Tally(JobKind.FORWARD, DONE, 4, 8.0), Tally(JobKind.TILE, QUEUED, 3, 0.0)]
    assert progress_from(row(), tallies).seconds_left == pytest.approx(6)


@pytest.mark.parametrize("tallies", [[], [Tally(JobKind.FORWARD, DONE, 2, 2.0), Tally(JobKind.TILE, QUEUED, 3, 0.0)]])
def test_too_little_is_no_ground_for_a_guess(tallies: list[Tally]) -> None:
    assert progress_from(row(), tallies).seconds_left is None
    done = [Tally(JobKind.TILE, DONE, 9, 9.0)]
    assert progress_from(row(ComparisonState.DONE), done).seconds_left is None
