"""Who changed what, and when: written in the transaction of the change itself."""

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from kinscape.backend.store.pages import EVERYTHING, Listed, Window, listed
from kinscape.backend.store.tables import CheckpointRow, ComparisonRow, EventRow, ProbeRow, ProjectRow, StudyRow

# Longer than the review of a paper takes.
KEPT = dt.timedelta(days=730)
# What a part of an address is the number of, the most particular first.
NAMED: dict[str, type[CheckpointRow | ProbeRow | StudyRow | ComparisonRow | ProjectRow]] = {
    "checkpoint": CheckpointRow,
    "probe": ProbeRow,
    "study": StudyRow,
    "comparison": ComparisonRow,
    "project": ProjectRow,
}


def note(session: Session, *, client: str, action: str, path: str, numbers: Mapping[str, str]) -> None:
    """Write down a change.

    Args:
        client: network address of who asked.
        action: the room and the name of what was done, such as ``projects.delete``.
        numbers: parts of the address by name, such as ``{"project": "3"}``.
    """
    session.add(EventRow(client=client, action=action, path=path, name=_name(session, numbers)))


def _name(session: Session, numbers: Mapping[str, str]) -> str:
    for part, kind in NAMED.items():
        number = numbers.get(part, "")
        if number.isdecimal():
            found = session.scalar(select(kind.name).where(kind.id == int(number)))
            return found or ""
    return ""


def every(session: Session, window: Window = EVERYTHING) -> Listed[EventRow]:
    """All changes, newest first."""
    return listed(session, select(EventRow), EventRow.id, window)


def forget(session: Session) -> int:
    """Remove what happened long ago; how many."""
    return len(
        session.scalars(delete(EventRow).where(EventRow.created < func.now() - KEPT).returning(EventRow.id)).all()
    )
