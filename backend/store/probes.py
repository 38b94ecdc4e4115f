"""Probe sets: reading and writing rows."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from kinscape.backend.store import deletion
from kinscape.backend.store.pages import EVERYTHING, Listed, Window, listed
from kinscape.backend.store.tables import ProbeRow


def get(session: Session, id: int) -> ProbeRow:
    """The probe set of this number."""
    return deletion.there(session.get(ProbeRow, id), ProbeRow, id)


def find(session: Session, id: int) -> ProbeRow | None:
    """The probe set of this number, unless it was deleted."""
    row = session.get(ProbeRow, id)
    return None if row is None or row.deleted is not None else row


def of_project(
    session: Session, project_id: int, window: Window = EVERYTHING, *, are_deleted: bool = False
) -> Listed[ProbeRow]:
    """Probe sets of a project, or its deleted ones, newest first."""
    query = select(ProbeRow).where(
        ProbeRow.project_id == project_id, deletion.marked(ProbeRow, are_deleted=are_deleted)
    )
    return listed(session, query, ProbeRow.id, window)


def named(session: Session, project_id: int, name: str) -> ProbeRow | None:
    """The probe set of this name in a project, if there is one."""
    query = select(ProbeRow).where(ProbeRow.project_id == project_id, ProbeRow.name == name, ProbeRow.deleted.is_(None))
    return session.scalar(query)


def names(session: Session, ids: set[int]) -> dict[int, str]:
    """Names of probe sets by number."""
    query = select(ProbeRow.id, ProbeRow.name).where(ProbeRow.id.in_(ids))
    return {row.id: row.name for row in session.execute(query)}
