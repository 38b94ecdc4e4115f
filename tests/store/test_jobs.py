"""A job that breaks is replaced by its pieces, unless somebody cancelled it meanwhile."""

import time

import pytest
from sqlalchemy.orm import Session

from backend.store import jobs
from backend.store.database import Database
from backend.store.projects import add_project
from backend.store.tables import ComparisonRow
from kinscape.local import programs
from tests.conftest import Server


def running_job(session: Session) -> tuple[ComparisonRow, int]:
    project = add_project(session, f"jobs {time.monotonic_ns()}")
    comparison = ComparisonRow(project_id=project.id, specification={}, specification_hash="x", state="running")
    session.add(comparison)
    session.flush()
    job = jobs.add(session, "tile", {"work": [1, 2]}, comparison=comparison.id)
    assert jobs.claim(session, job, worker="test") is not None
    return comparison, job


@pytest.mark.parametrize(("cancelled", "counts"), [("", {"queued": 2}), ("yes", {"cancelled": 1})])
def test_pieces_take_the_place_of_a_job_only_while_it_runs(
    server: Server, cancelled: str, counts: dict[str, int]
) -> None:
    database = Database(programs.database_url(programs.run_folder(server.data)))
    with Session(database.engine) as session:
        comparison, job = running_job(session)
        if cancelled:
            jobs.cancel(session, comparison.id)
        jobs.replace(session, job, "tile", [{"work": [1]}, {"work": [2]}])
        assert jobs.counts(session, comparison.id) == counts
        session.rollback()
    database.close()
