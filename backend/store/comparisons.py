"""Comparisons: reading and writing rows."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

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
    session: Session,
    project_id: int,
    window: Window = EVERYTHING,
    *,
    are_deleted: bool = False,
    with_details: bool = True,
) -> Listed[ComparisonRow]:
    """Comparisons of a project, or its deleted ones, newest first.

    Args:
        with_details: whether those count that were asked on the page of another one which is still there.
    """
    query = select(ComparisonRow).where(
        ComparisonRow.project_id == project_id, deletion.marked(ComparisonRow, are_deleted=are_deleted)
    )
    if not with_details:
        query = query.where(ComparisonRow.id.not_in(details()))
    return listed(session, query, ComparisonRow.id, window)


def details() -> Select[int]:
    """Numbers of comparisons that were asked on the page of another one which is still there."""
    other = aliased(ComparisonRow)
    join = select(ComparisonRow.id).join(other, other.id == ComparisonRow.detail_of_id)
    return join.where(other.deleted.is_(None))


def running(session: Session, window: Window = EVERYTHING) -> Listed[ComparisonRow]:
    """Comparisons that are being computed, newest first."""
    query = select(ComparisonRow).where(ComparisonRow.state == ComparisonState.RUNNING, ComparisonRow.deleted.is_(None))
    return listed(session, query, ComparisonRow.id, window)
