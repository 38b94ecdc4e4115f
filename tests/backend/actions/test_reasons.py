"""Why a cell has no number."""

import pytest

from kinscape.backend.actions.measures import reason_of_nothing
from kinscape.backend.contracts.cells import Why
from kinscape.backend.contracts.comparisons import ComparisonState


@pytest.mark.parametrize(
    ("state", "why", "words"),
    [
        (ComparisonState.RUNNING, Why.RUNNING, "Being computed"),
        (ComparisonState.CANCELLED, Why.CANCELLED, "Cancelled"),
        (ComparisonState.FAILED, Why.NOT_COMPUTED, "retrying computes it"),
        (ComparisonState.DONE, Why.NOT_COMPUTED, "Not computed"),
    ],
)
def test_a_cell_that_is_not_there_says_why(state: ComparisonState, why: Why, words: str) -> None:
    reason = reason_of_nothing(state)
    assert reason.why is why
    assert words in reason.sentence
