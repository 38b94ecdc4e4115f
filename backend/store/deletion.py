"""What was deleted: found only by who asks for what is deleted, restored within some days, then removed for good."""

import datetime as dt
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from kinscape.backend.contracts.problems import Conflict, NotFound
from kinscape.backend.store.tables import CheckpointRow, ComparisonRow, Deletable, ProbeRow, ProjectRow, StudyRow

# As long what was deleted can be restored.
KEPT = dt.timedelta(days=7)
WORDS: dict[type[Deletable], str] = {
    ProjectRow: "project",
    CheckpointRow: "checkpoint",
    ProbeRow: "probe set",
    ComparisonRow: "comparison",
}
Row = TypeVar("Row", bound=Deletable)
Named = TypeVar("Named", CheckpointRow, ProbeRow)


def there(row: Row | None, kind: type[Row], id: int) -> Row:
    """The row, unless there is none or it was deleted.

    Raises:
        NotFound: with a sentence that says which of the two.
    """
    if row is None:
        raise NotFound(f"There is no {WORDS[kind]} {id}.")
    if row.deleted is not None:
        raise NotFound(
            f"{WORDS[kind].capitalize()} {id} was deleted; within {KEPT.days} days it can be restored from where it "
            "was listed."
        )
    return row


def marked(kind: type[Deletable], *, are_deleted: bool) -> ColumnElement[bool]:
    """Which rows of a kind are listed: those that are there, or those that were deleted."""
    return kind.deleted.is_not(None) if are_deleted else kind.deleted.is_(None)


def deleted(session: Session, kind: type[Row], id: int) -> Row:
    """The deleted row of this number, held until the transaction ends."""
    row = session.scalar(select(kind).where(kind.id == id).with_for_update())
    if row is None or row.deleted is None:
        raise NotFound(f"There is no deleted {WORDS[kind]} {id}.")
    return row


def put_away(session: Session, row: Deletable) -> None:
    """Mark a row as deleted now."""
    row.deleted = session.scalar(select(func.now()))
    session.flush()


def bring_back(session: Session, kind: type[Named], id: int) -> None:
    """Take the mark from a checkpoint or probe set that was deleted, and from what a checkpoint comes from.

    Raises:
        Conflict: another one has its name now.
    """
    row = session.get(kind, id)
    if row is None or row.deleted is None:
        return
    query = select(kind.id).where(kind.project_id == row.project_id, kind.name == row.name, kind.deleted.is_(None))
    if session.scalar(query) is not None:
        raise Conflict(f"A {WORDS[kind]} named {row.name!r} exists now: rename that one first.")
    row.deleted = None
    session.flush()
    if isinstance(row, CheckpointRow):
        # A lineage with a gap would be forgotten with the gap.
        for relative in filter(None, (row.parent_id, row.init_of_id, row.teacher_id)):
            bring_back(session, CheckpointRow, relative)


def put_away_all_of(session: Session, project: ProjectRow) -> None:
    """Mark a project as deleted, and all in it that is there, at the same time."""
    put_away(session, project)
    for kind in (CheckpointRow, ProbeRow, ComparisonRow):
        mine = update(kind).where(kind.project_id == project.id, kind.deleted.is_(None))
        session.execute(mine.values(deleted=project.deleted))


def bring_back_all_of(session: Session, project: ProjectRow) -> None:
    """Undo ``put_away_all_of``; what had been deleted before stays deleted."""
    for kind in (CheckpointRow, ProbeRow, ComparisonRow):
        mine = update(kind).where(kind.project_id == project.id, kind.deleted == project.deleted)
        session.execute(mine.values(deleted=None))
    project.deleted = None
    session.flush()


def forget(session: Session) -> int:
    """Remove for good what was deleted long enough ago, what shows something before what is shown; how many."""
    gone = 0
    for kind in (ComparisonRow, ProjectRow, CheckpointRow, ProbeRow):
        old = delete(kind).where(kind.deleted < func.now() - KEPT).returning(kind.id)
        gone += len(session.scalars(old).all())
    return gone


def users_of_probe(session: Session, row: ProbeRow) -> list[str]:
    """Names of the comparisons and studies that ask about a probe set."""
    comparisons = select(ComparisonRow).where(
        ComparisonRow.project_id == row.project_id, ComparisonRow.deleted.is_(None)
    )
    out = [
        c.name or f"comparison {c.id}"
        for c in session.scalars(comparisons.order_by(ComparisonRow.id))
        if row.id in c.specification.probes
    ]
    studies = select(StudyRow).where(StudyRow.project_id == row.project_id).order_by(StudyRow.id)
    return out + [s.name or f"study {s.id}" for s in session.scalars(studies) if row.id in s.specification.probes]
