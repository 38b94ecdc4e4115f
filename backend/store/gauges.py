"""What an operator watches: work that waits, workers, what is stored."""

from dataclasses import dataclass, field

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from kinscape.backend.contracts.jobs import OPEN, JobState, Queue
from kinscape.backend.store import cards
from kinscape.backend.store.tables import (
    CheckpointRow,
    ComparisonRow,
    Deletable,
    JobRow,
    ProbeRow,
    ProjectRow,
    TimingRow,
)


@dataclass(frozen=True)
class Gauges:
    """Numbers of one moment.

    Attributes:
        jobs: how many, by kind and state.
        oldest_queued_s: how long the longest waiting job waits.
        workers: how many, by device.
        rows: how many of what is there, by kind.
        stored_bytes: of uploaded checkpoints.
        measure_seconds: seconds spent by measure, older ones counting less.
    """

    jobs: dict[tuple[str, str], int]
    oldest_queued_s: float
    workers: dict[str, int]
    rows: dict[str, int]
    stored_bytes: int
    measure_seconds: dict[str, float] = field(default_factory=dict)


def read(session: Session) -> Gauges:
    """All of them, in a handful of queries."""
    jobs = session.execute(select(JobRow.kind, JobRow.state, func.count()).group_by(JobRow.kind, JobRow.state))
    age = select(func.extract("epoch", func.now() - func.min(JobRow.sent))).where(JobRow.state == JobState.QUEUED)
    workers: dict[str, int] = {}
    for row in cards.workers(session):
        workers[row.device] = workers.get(row.device, 0) + 1
    kinds: dict[str, type[Deletable]] = {
        "projects": ProjectRow,
        "checkpoints": CheckpointRow,
        "probe_sets": ProbeRow,
        "comparisons": ComparisonRow,
    }
    rows = {
        name: int(session.scalar(select(func.count()).select_from(kind).where(kind.deleted.is_(None))) or 0)
        for name, kind in kinds.items()
    }
    seconds: dict[str, float] = {}
    for key, spent in session.execute(select(TimingRow.key, TimingRow.seconds)):
        slug = key.split(" ", 1)[0]
        seconds[slug] = seconds.get(slug, 0.0) + spent
    stored = select(func.sum(CheckpointRow.size_bytes)).where(CheckpointRow.deleted.is_(None))
    return Gauges(
        jobs={(kind.value, state.value): int(count) for kind, state, count in jobs},
        oldest_queued_s=float(session.scalar(age) or 0.0),
        workers=workers,
        rows=rows,
        stored_bytes=int(session.scalar(stored) or 0),
        measure_seconds=seconds,
    )


def unattended(session: Session) -> dict[Queue, int]:
    """The first waiting job of each queue of which no job runs under a lease."""
    is_running = case((and_(JobRow.state == JobState.RUNNING, JobRow.lease_until >= func.now()), 1), else_=0)
    first = func.min(JobRow.id).filter(JobRow.state == JobState.QUEUED)
    query = select(JobRow.kind, func.sum(is_running), first).where(JobRow.state.in_(OPEN)).group_by(JobRow.kind)
    busy: set[Queue] = set()
    waiting: dict[Queue, int] = {}
    for kind, running, job in session.execute(query):
        if running:
            busy.add(kind.queue)
        if job is not None:
            waiting[kind.queue] = min(job, waiting.get(kind.queue, job))
    return {queue: job for queue, job in waiting.items() if queue not in busy}
