"""Times that plans learn from, in a real database."""

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from kinscape.backend.store import timings
from kinscape.migrations.moving import migrate
from tests.backend.store.test_migrations import database  # noqa: F401  (a fixture)


def test_what_was_measured_last_counts_most(database: str) -> None:  # noqa: F811
    migrate(database)
    engine = create_engine(database)
    with Session(engine) as session:
        assert timings.rates(session, ["k"]) == {}
        timings.note(session, "k", seconds=10, work=5)
        assert timings.rates(session, ["k", "other"]) == {"k": 2.0}
        timings.note(session, "k", seconds=1, work=5)
        assert timings.rates(session, ["k"])["k"] == pytest.approx((0.8 * 10 + 1) / (0.8 * 5 + 5))
        for _ in range(40):
            timings.note(session, "k", seconds=1, work=5)
        assert timings.rates(session, ["k"])["k"] == pytest.approx(0.2, rel=1e-3)
    engine.dispose()
