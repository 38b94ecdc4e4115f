"""How long a comparison will go on, from what its jobs took so far."""

import pytest

from backend.actions.comparing import progress
from backend.store.tables import ComparisonRow


def row(state: str = "running") -> ComparisonRow:
    return ComparisonRow(state=state, version=1)


def test_each_kind_goes_on_as_it_went_and_workers_share_it() -> None:
    tally = [
        ("forward", "done", 10, 1.0), ("model", "done", 4, 40.0), ("model", "queued", 7, 0.0),
        ("model", "running", 1, 0.0), ("tile", "done", 2, 4.0), ("tile", "running", 1, 0.0),
        ("order", "queued", 1, 0.0),
    ]  # fmt: skip
    assert progress(row(), tally).seconds_left == pytest.approx((8 * 10 + 1 * 2) / 2)


def test_a_kind_of_which_nothing_is_done_takes_what_is_usual() -> None:
    tally = [("forward", "done", 4, 8.0), ("tile", "queued", 3, 0.0)]
    assert progress(row(), tally).seconds_left == pytest.approx(6)


@pytest.mark.parametrize("tally", [[], [("forward", "done", 2, 2.0), ("tile", "queued", 3, 0.0)]])
def test_too_little_is_no_ground_for_a_guess(tally: list[tuple[str, str, int, float]]) -> None:
    assert progress(row(), tally).seconds_left is None
    assert progress(row("done"), [("tile", "done", 9, 9.0)]).seconds_left is None
