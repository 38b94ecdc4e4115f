"""Work that waits while nobody works is told from work that goes on."""

from sqlalchemy.orm import Session

from kinscape.backend.api.stalls import STALLED_S, Stalls
from kinscape.backend.contracts.jobs import Queue, Summarise
from kinscape.backend.store import gauges, jobs
from kinscape.backend.store.database import Database
from kinscape.local import programs
from tests.conftest import Server


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_what_never_moves_has_stalled() -> None:
    clock = Clock()
    stalls = Stalls(clock)
    for second in range(0, int(3 * STALLED_S), 5):
        clock.now = float(second)
        # The inspection's first job changes: short jobs run between two looks.
        stalls.look({Queue.COMPUTE: 7, Queue.INSPECTION: second})
        assert stalls.queues == ([Queue.COMPUTE] if second >= STALLED_S else [])
    stalls.look({})
    assert stalls.queues == []
    stalls.look({Queue.COMPUTE: 7})
    assert stalls.queues == []


def test_a_queue_is_unattended_while_nothing_of_it_runs(server: Server) -> None:
    database = Database(programs.database_url(programs.run_folder(server.data)))
    with Session(database.engine) as session:
        first = jobs.add(session, Summarise(comparison=1))
        second = jobs.add(session, Summarise(comparison=1))
        assert gauges.unattended(session)[Queue.COMPUTE] <= first
        assert jobs.claim(session, second, worker="a test") is not None
        assert Queue.COMPUTE not in gauges.unattended(session)
        session.rollback()
    database.close()
