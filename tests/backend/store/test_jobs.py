"""A job that breaks is replaced by its pieces, unless somebody cancelled it meanwhile."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from kinscape.backend.contracts.comparisons import ComparisonState, LayerPairs, Precision, Reduction, Specification
from kinscape.backend.contracts.jobs import JobState, Tile, TilePart
from kinscape.backend.store import comparisons, jobs
from kinscape.backend.store.database import Database
from kinscape.backend.store.projects import add as add_project
from kinscape.backend.store.tables import ComparisonRow
from kinscape.local import programs
from tests.conftest import Server

TILE = Tile(parts=[TilePart(question=q, rows=[2], members=[1]) for q in (1, 2)])
NOTHING = Specification(
    checkpoints=[],
    probe=1,
    train_probe=None,
    measures=[],
    layers=[],
    layer_pairs=LayerPairs.SAME,
    reduction=Reduction.MEAN,
    precision=Precision.FLOAT32,
    seed=0,
)


def running_job(session: Session) -> tuple[ComparisonRow, int]:
    project = add_project(session, f"jobs {time.monotonic_ns()}")
    comparison = ComparisonRow(
        project_id=project.id, specification=NOTHING, specification_hash="x", state=ComparisonState.RUNNING
    )
    session.add(comparison)
    session.flush()
    job = jobs.add(session, TILE, comparison=comparison.id)
    assert jobs.claim(session, job, worker="test") is not None
    return comparison, job


@pytest.mark.parametrize(("cancelled", "counts"), [("", {JobState.QUEUED: 2}), ("yes", {JobState.CANCELLED: 1})])
def test_pieces_take_the_place_of_a_job_only_while_it_runs(
    server: Server, cancelled: str, counts: dict[JobState, int]
) -> None:
    database = Database(programs.database_url(programs.run_folder(server.data)))
    with Session(database.engine) as session:
        comparison, job = running_job(session)
        if cancelled:
            jobs.cancel(session, comparison.id)
        jobs.replace(session, job, TILE.pieces())
        assert jobs.counts(session, comparison.id) == counts
        session.rollback()
    database.close()


@pytest.mark.fault("cancels and deletes in the moment in which jobs finish")
def test_cancels_and_finishing_jobs_never_wait_for_one_another(server: Server) -> None:
    database = Database(programs.database_url(programs.run_folder(server.data)))
    for _ in range(60):
        with Session(database.engine) as session:
            comparison, job = running_job(session)
            number = comparison.id
            session.commit()

        def cancel(number: int = number) -> None:
            with database.transaction() as session:
                comparisons.locked(session, number)
                time.sleep(0.002)
                jobs.cancel(session, number)

        def end(job: int = job) -> None:
            with database.transaction() as session:
                jobs.finish(session, job, state=JobState.DONE)

        def split(job: int = job) -> None:
            with database.transaction() as session:
                jobs.replace(session, job, TILE.pieces())

        with ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(work) for work in (split, end, cancel)]:
                done.result()
    database.close()
