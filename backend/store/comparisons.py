"""Comparisons: reading and writing rows. What is deleted is found only by who asks for what is deleted."""

import datetime as dt

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.store.pages import EVERYTHING, Listed, Window, listed
from kinscape.backend.store.tables import ComparisonRow

# As long a deleted comparison can be restored.
KEPT = dt.timedelta(days=7)


def get(session: Session, id: int) -> ComparisonRow:
    """The comparison of this number."""
    return _there(session.get(ComparisonRow, id), id)


def locked(session: Session, id: int) -> ComparisonRow:
    """The comparison of this number, held until the transaction ends."""
    return _there(session.scalar(select(ComparisonRow).where(ComparisonRow.id == id).with_for_update()), id)


def _there(row: ComparisonRow | None, id: int) -> ComparisonRow:
    if row is None:
        raise NotFound(f"There is no comparison {id}.")
    if row.deleted is not None:
        raise NotFound(f"Comparison {id} was deleted; its project's list of comparisons can restore it for some days.")
    return row


def deleted(session: Session, id: int) -> ComparisonRow:
    """The deleted comparison of this number, held until the transaction ends."""
    row = session.scalar(select(ComparisonRow).where(ComparisonRow.id == id).with_for_update())
    if row is None or row.deleted is None:
        raise NotFound(f"There is no deleted comparison {id}.")
    return row


def with_specification(session: Session, project_id: int, digest: str) -> ComparisonRow | None:
    """The comparison of a project that asked exactly this, if there is one, deleted or not."""
    query = select(ComparisonRow).where(
        ComparisonRow.project_id == project_id, ComparisonRow.specification_hash == digest
    )
    return session.scalar(query)


def of_project(
    session: Session, project_id: int, window: Window = EVERYTHING, *, are_deleted: bool = False
) -> Listed[ComparisonRow]:
    """Comparisons of a project, or its deleted ones, newest first."""
    mark = ComparisonRow.deleted
    query = select(ComparisonRow).where(
        ComparisonRow.project_id == project_id, mark.is_not(None) if are_deleted else mark.is_(None)
    )
    return listed(session, query, ComparisonRow.id, window)


def running(session: Session, window: Window = EVERYTHING) -> Listed[ComparisonRow]:
    """Comparisons that are being computed, newest first."""
    query = select(ComparisonRow).where(ComparisonRow.state == ComparisonState.RUNNING, ComparisonRow.deleted.is_(None))
    return listed(session, query, ComparisonRow.id, window)


def forget_deleted(session: Session) -> int:
    """Remove for good what was deleted long enough ago; how many."""
    gone = delete(ComparisonRow).where(ComparisonRow.deleted < func.now() - KEPT).returning(ComparisonRow.id)
    return len(session.scalars(gone).all())
