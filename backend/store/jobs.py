"""Jobs: queued, leased, finished; the rows that survive every crash."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, func, or_, select, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.jobs import OPEN, Job, JobKind, JobState, Summarise
from kinscape.backend.store.database import queue_after_commit
from kinscape.backend.store.tables import ComparisonJobRow, ComparisonRow, JobRow

# A worker extends its lease every eight seconds (worker/tasks.py), so three extensions may be lost.
LEASE = dt.timedelta(seconds=30)
# A job that waits longer may have lost its message; waking a worker twice does no harm.
SILENCE = dt.timedelta(seconds=90)
# What failed three times on three workers fails for a reason of its own.
MOST_ATTEMPTS = 3
# A log that nobody would read to its end.
MOST_FAILURES = 200


@dataclass(frozen=True)
class Claim:
    """A job as a worker holds it."""

    id: int
    job: Job
    attempt: int


@dataclass(frozen=True)
class Tally:
    """Jobs of one kind in one state."""

    kind: JobKind
    state: JobState
    count: int
    seconds: float


def add(session: Session, job: Job, *, comparison: int | None = None, request: str = "") -> int:
    """Queue a job and wake a worker for it after the commit."""
    return add_all(session, [job], comparisons=[] if comparison is None else [comparison], request=request)[0]


def add_all(session: Session, work: Sequence[Job], *, comparisons: Sequence[int], request: str = "") -> list[int]:
    """Queue jobs that these comparisons wait for; workers are woken after the commit."""
    rows = [JobRow(kind=j.kind, payload=j.model_dump(mode="json", exclude={"kind"}), request=request) for j in work]
    session.add_all(rows)
    session.flush()
    session.add_all(ComparisonJobRow(comparison_id=c, job_id=row.id) for row in rows for c in comparisons)
    for row in rows:
        queue_after_commit(session, row.id, row.kind)
    return [row.id for row in rows]


def claim(session: Session, id: int, *, worker: str) -> Claim | None:
    """Take a job, unless somebody holds it or it is over."""
    query = select(JobRow).where(
        JobRow.id == id,
        or_(JobRow.state == JobState.QUEUED, and_(JobRow.state == JobState.RUNNING, JobRow.lease_until < func.now())),
    )
    row = session.scalar(query.with_for_update(skip_locked=True))
    if row is None:
        return None
    row.attempts += 1
    if row.attempts > MOST_ATTEMPTS:
        return None
    row.state, row.worker = JobState.RUNNING, worker
    session.flush()
    session.execute(update(JobRow).where(JobRow.id == id).values(lease_until=func.now() + LEASE))
    return Claim(row.id, row.job, row.attempts)


def extend(session: Session, id: int, *, attempt: int) -> bool:
    """Keep the lease of a running job; False when the job is no longer ours."""
    query = (
        update(JobRow)
        .where(JobRow.id == id, JobRow.state == JobState.RUNNING, JobRow.attempts == attempt)
        .values(lease_until=func.now() + LEASE)
        .returning(JobRow.id)
    )
    return session.scalar(query) is not None


def give_back(session: Session, id: int) -> None:
    """Let another worker try a job again."""
    session.execute(
        update(JobRow)
        .where(JobRow.id == id, JobRow.state == JobState.RUNNING)
        .values(state=JobState.QUEUED, lease_until=None)
    )


def postpone(session: Session, id: int) -> None:
    """Let a job wait that could not begin for want of room: it is woken like one whose message was lost."""
    session.execute(
        update(JobRow)
        .where(JobRow.id == id, JobRow.state == JobState.RUNNING)
        .values(state=JobState.QUEUED, lease_until=None, attempts=JobRow.attempts - 1, sent=func.now())
    )


def replace(session: Session, id: int, pieces: Sequence[Job]) -> None:
    """Put several smaller jobs in the place of a running one, for every comparison that waits for it."""
    waiting = [c.id for c in _lock_waiting(session, id)]
    taken = session.execute(
        update(JobRow)
        .where(JobRow.id == id, JobRow.state == JobState.RUNNING)
        .values(state=JobState.DONE, error="split", finished=func.now(), lease_until=None)
        .returning(JobRow.id)
    )
    if taken.first() is None:
        return
    add_all(session, pieces, comparisons=waiting)
    session.execute(delete(ComparisonJobRow).where(ComparisonJobRow.job_id == id))


def finish(session: Session, id: int, *, state: JobState, error: str = "", seconds: float | None = None) -> None:
    """End a job and count it in every comparison that waits for it."""
    waiting = _lock_waiting(session, id)
    session.execute(
        update(JobRow)
        .where(JobRow.id == id, JobRow.state.in_(OPEN))
        .values(state=state, error=error, seconds=seconds, finished=func.now(), lease_until=None)
    )
    for comparison in waiting:
        comparison.version += 1
        session.flush()
        end_when_done(session, comparison)


def _lock_waiting(session: Session, id: int) -> list[ComparisonRow]:
    """The comparisons that wait for a job, held until the transaction ends.

    The one order of locks: comparisons by number, then jobs. Whoever cancels or deletes a comparison holds it first,
    and goes on to its jobs; whoever ends a job must not hold it before.
    """
    waiting = select(ComparisonJobRow.comparison_id).where(ComparisonJobRow.job_id == id)
    query = select(ComparisonRow).where(ComparisonRow.id.in_(waiting)).order_by(ComparisonRow.id).with_for_update()
    return list(session.scalars(query))


def end_when_done(session: Session, comparison: ComparisonRow) -> None:
    """Summarise when the last cell is there; end the comparison after that."""
    if comparison.state is not ComparisonState.RUNNING:
        return
    open_jobs = session.scalar(
        select(func.count())
        .select_from(JobRow)
        .join(ComparisonJobRow, ComparisonJobRow.job_id == JobRow.id)
        .where(ComparisonJobRow.comparison_id == comparison.id, JobRow.state.in_(OPEN))
    )
    if open_jobs:
        return
    summarised = session.scalar(
        select(func.count())
        .select_from(JobRow)
        .join(ComparisonJobRow, ComparisonJobRow.job_id == JobRow.id)
        .where(ComparisonJobRow.comparison_id == comparison.id, JobRow.kind == JobKind.SUMMARISE)
    )
    if not summarised:
        add(session, Summarise(comparison=comparison.id), comparison=comparison.id)
        return
    failed = counts(session, comparison.id).get(JobState.FAILED, 0)
    comparison.state = ComparisonState.FAILED if failed else ComparisonState.DONE
    comparison.finished = session.scalar(select(func.now()))


def counts(session: Session, comparison: int) -> dict[JobState, int]:
    """How many jobs of a comparison are in each state."""
    query = (
        select(JobRow.state, func.count())
        .join(ComparisonJobRow, ComparisonJobRow.job_id == JobRow.id)
        .where(ComparisonJobRow.comparison_id == comparison)
        .group_by(JobRow.state)
    )
    return {state: int(n) for state, n in session.execute(query)}


def tallies(session: Session, comparisons: Sequence[int]) -> dict[int, list[Tally]]:
    """For each comparison its jobs by kind and state, with the seconds they took."""
    query = (
        select(
            ComparisonJobRow.comparison_id,
            JobRow.kind,
            JobRow.state,
            func.count(),
            func.coalesce(func.sum(JobRow.seconds), 0.0),
        )
        .join(JobRow, ComparisonJobRow.job_id == JobRow.id)
        .where(ComparisonJobRow.comparison_id.in_(comparisons))
        .group_by(ComparisonJobRow.comparison_id, JobRow.kind, JobRow.state)
    )
    out: dict[int, list[Tally]] = {c: [] for c in comparisons}
    for comparison, kind, state, n, seconds in session.execute(query):
        out[comparison].append(Tally(kind, state, int(n), float(seconds or 0.0)))
    return out


def failures(session: Session, comparison: int) -> list[str]:
    """One line per failed job of a comparison, oldest first."""
    query = (
        select(JobRow.id, JobRow.kind, JobRow.error)
        .join(ComparisonJobRow, ComparisonJobRow.job_id == JobRow.id)
        .where(ComparisonJobRow.comparison_id == comparison, JobRow.state == JobState.FAILED)
        .order_by(JobRow.id)
        .limit(MOST_FAILURES)
    )
    return [f"{kind} {id}: {error}" for id, kind, error in session.execute(query)]


def cancel(session: Session, comparison: int) -> int:
    """Cancel the open jobs that only this comparison waits for; returns how many."""
    mine = select(ComparisonJobRow.job_id).where(ComparisonJobRow.comparison_id == comparison)
    shared = (
        select(ComparisonJobRow.job_id)
        .join(ComparisonRow, ComparisonRow.id == ComparisonJobRow.comparison_id)
        .where(ComparisonRow.id != comparison, ComparisonRow.state == ComparisonState.RUNNING)
    )
    done = session.execute(
        update(JobRow)
        .where(JobRow.id.in_(mine), JobRow.id.not_in(shared), JobRow.state.in_(OPEN))
        .values(state=JobState.CANCELLED, lease_until=None, finished=func.now())
        .returning(JobRow.id)
    )
    return len(done.all())


def cancel_inspections(session: Session, checkpoint: int) -> None:
    """End the inspections and verifications of a checkpoint that goes."""
    about = type_coerce(JobRow.payload, JSONB)["checkpoint"].as_integer() == checkpoint
    session.execute(
        update(JobRow)
        .where(JobRow.kind.in_((JobKind.INSPECT_CHECKPOINT, JobKind.VERIFY)), about, JobRow.state.in_(OPEN))
        .values(state=JobState.CANCELLED, lease_until=None, finished=func.now())
    )


def retry(session: Session, comparison: int) -> int:
    """Queue the failed and cancelled jobs of a comparison again; returns how many."""
    mine = select(ComparisonJobRow.job_id).where(ComparisonJobRow.comparison_id == comparison)
    session.execute(delete(JobRow).where(JobRow.id.in_(mine), JobRow.kind == JobKind.SUMMARISE))
    again = session.execute(
        update(JobRow)
        .where(JobRow.id.in_(mine), JobRow.state.in_((JobState.FAILED, JobState.CANCELLED)))
        .values(state=JobState.QUEUED, attempts=0, error="", sent=func.now(), finished=None)
        .returning(JobRow.id, JobRow.kind)
    ).all()
    for id, kind in again:
        queue_after_commit(session, id, kind)
    return len(again)


def forget_ended(session: Session, comparison: int) -> None:
    """Detach a comparison from jobs of an earlier time that are over."""
    ended = select(JobRow.id).where(JobRow.state.not_in(OPEN))
    session.execute(
        delete(ComparisonJobRow).where(ComparisonJobRow.comparison_id == comparison, ComparisonJobRow.job_id.in_(ended))
    )


def reconcile(session: Session) -> int:
    """Wake workers again for jobs whose message or worker was lost; fail what was tried too often."""
    lost = and_(JobRow.state == JobState.RUNNING, JobRow.lease_until < func.now())
    tired = session.scalars(
        select(JobRow.id).where(lost, JobRow.attempts >= MOST_ATTEMPTS).with_for_update(skip_locked=True)
    ).all()
    for id in tired:
        finish(session, id, state=JobState.FAILED, error=f"The worker died {MOST_ATTEMPTS} times on this piece.")
    silent = and_(JobRow.state == JobState.QUEUED, JobRow.sent < func.now() - SILENCE)
    query = select(JobRow).where(or_(lost, silent)).order_by(JobRow.id).limit(500)
    rows = session.scalars(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        if row.id in tired:
            continue
        row.state, row.sent = JobState.QUEUED, func.now()
        queue_after_commit(session, row.id, row.kind)
    return len(rows)


def release_from(session: Session, worker: str) -> None:
    """Give up the leases of a worker that is stopping, so that others may go on at once."""
    session.execute(
        update(JobRow).where(JobRow.state == JobState.RUNNING, JobRow.worker == worker).values(lease_until=func.now())
    )
