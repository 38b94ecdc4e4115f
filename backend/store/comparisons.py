"""Comparisons: reading and writing rows."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.store import deletion
from kinscape.backend.store.pages import EVERYTHING, Listed, Window, listed
from kinscape.backend.store.tables import ComparisonRow


def get(session: Session, id: int) -> ComparisonRow:
    """The comparison of this number."""
    return deletion.there(session.get(ComparisonRow, id), ComparisonRow, id)


def locked(session: Session, id: int) -> ComparisonRow:
    """The comparison of this number, held until the transaction ends."""
    row = session.scalar(select(ComparisonRow).where(ComparisonRow.id == id).with_for_update())
    return deletion.there(row, ComparisonRow, id)


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
    query = select(ComparisonRow).where(
        ComparisonRow.project_id == project_id, deletion.marked(ComparisonRow, are_deleted=are_deleted)
    )
    return listed(session, query, ComparisonRow.id, window)


def running(session: Session, window: Window = EVERYTHING) -> Listed[ComparisonRow]:
    """Comparisons that are being computed, newest first."""
    query = select(ComparisonRow).where(ComparisonRow.state == ComparisonState.RUNNING, ComparisonRow.deleted.is_(None))
    return listed(session, query, ComparisonRow.id, window)
