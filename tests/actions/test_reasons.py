"""Why a cell has no number."""

import pytest

from backend.actions.reading import reason_of
from backend.contracts.cells import Why
from backend.store.tables import ComparisonRow


@pytest.mark.parametrize(
    ("state", "why", "words"),
    [
        ("running", Why.RUNNING, "Being computed"),
        ("cancelled", Why.CANCELLED, "Cancelled"),
        ("failed", Why.NOT_COMPUTED, "retrying computes it"),
        ("done", Why.NOT_COMPUTED, "Not computed"),
    ],
)
def test_a_cell_that_is_not_there_says_why(state: str, why: Why, words: str) -> None:
    kind, sentence = reason_of(None, ComparisonRow(state=state))
    assert kind == why
    assert words in sentence
