"""Comparisons: reading and writing rows."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.store.pages import EVERYTHING, Listed, Window, listed
from kinscape.backend.store.tables import ComparisonRow


def get(session: Session, id: int) -> ComparisonRow:
    """The comparison of this number."""
    row = session.get(ComparisonRow, id)
    if row is None:
        raise NotFound(f"There is no comparison {id}.")
    return row


def locked(session: Session, id: int) -> ComparisonRow:
    """The comparison of this number, held until the transaction ends."""
    row = session.scalar(select(ComparisonRow).where(ComparisonRow.id == id).with_for_update())
    if row is None:
        raise NotFound(f"There is no comparison {id}.")
    return row


def with_specification(session: Session, project_id: int, digest: str) -> ComparisonRow | None:
    """The comparison of a project that asked exactly this, if there is one."""
    query = select(ComparisonRow).where(
        ComparisonRow.project_id == project_id, ComparisonRow.specification_hash == digest
    )
    return session.scalar(query)


def of_project(session: Session, project_id: int, window: Window = EVERYTHING) -> Listed[ComparisonRow]:
    """Comparisons of a project, newest first."""
    query = select(ComparisonRow).where(ComparisonRow.project_id == project_id)
    return listed(session, query, ComparisonRow.id, window)


def running(session: Session, window: Window = EVERYTHING) -> Listed[ComparisonRow]:
    """Comparisons that are being computed, newest first."""
    query = select(ComparisonRow).where(ComparisonRow.state == ComparisonState.RUNNING)
    return listed(session, query, ComparisonRow.id, window)
