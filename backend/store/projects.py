"""Projects: reading and writing rows."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kinscape.backend.contracts.problems import Conflict
from kinscape.backend.store import comparisons, deletion
from kinscape.backend.store.pages import EVERYTHING, Listed, Window, listed
from kinscape.backend.store.tables import CheckpointRow, ComparisonRow, ProjectRow


def add(session: Session, name: str) -> ProjectRow:
    """A new project; its name must be free."""
    if named(session, name) is not None:
        raise Conflict(f"A project named {name!r} exists already; open it or choose another name.")
    row = ProjectRow(name=name)
    session.add(row)
    session.flush()
    return row


def rename(session: Session, id: int, name: str) -> ProjectRow:
    """A project under another name, which must be free."""
    row = get(session, id)
    if named(session, name) not in (None, row):
        raise Conflict(f"A project named {name!r} exists already; choose another name.")
    row.name = name
    session.flush()
    return row


def get(session: Session, id: int) -> ProjectRow:
    """The project of this number."""
    return deletion.there(session.get(ProjectRow, id), ProjectRow, id)


def named(session: Session, name: str) -> ProjectRow | None:
    """The project of this name, if there is one."""
    return session.scalar(select(ProjectRow).where(ProjectRow.name == name, ProjectRow.deleted.is_(None)))


def lock(session: Session, id: int) -> None:
    """Let nobody else ask in this project until the transaction ends."""
    session.execute(select(ProjectRow.id).where(ProjectRow.id == id).with_for_update())


def all_with_counts(
    session: Session, window: Window = EVERYTHING, *, are_deleted: bool = False, only: int | None = None
) -> Listed[tuple[ProjectRow, int, int]]:
    """Projects, or the deleted ones, with how many checkpoints and comparisons they hold, newest first.

    Those of a deleted project are what comes back with it.

    Args:
        only: the number of the only project that is asked for.
    """
    checkpoints, asked = (
        select(func.count())
        .where(kind.project_id == ProjectRow.id, kind.deleted.is_not_distinct_from(ProjectRow.deleted), *more)
        .scalar_subquery()
        for kind, more in ((CheckpointRow, ()), (ComparisonRow, (ComparisonRow.id.not_in(comparisons.details()),)))
    )
    query = select(ProjectRow, checkpoints, asked).where(deletion.marked(ProjectRow, are_deleted=are_deleted))
    if only is not None:
        query = query.where(ProjectRow.id == only)
    return listed(session, query, ProjectRow.id, window)


def names(session: Session, ids: set[int]) -> dict[int, str]:
    """Names of projects by number."""
    query = select(ProjectRow.id, ProjectRow.name).where(ProjectRow.id.in_(ids))
    return {row.id: row.name for row in session.execute(query)}


def newest_comparisons(session: Session, ids: Sequence[int]) -> dict[int, ComparisonRow]:
    """The comparison that was asked for last, by project; neither deleted ones count nor details of others."""
    query = (
        select(ComparisonRow)
        .where(
            ComparisonRow.project_id.in_(ids),
            ComparisonRow.deleted.is_(None),
            ComparisonRow.id.not_in(comparisons.details()),
        )
        .distinct(ComparisonRow.project_id)
        .order_by(ComparisonRow.project_id, ComparisonRow.id.desc())
    )
    return {row.project_id: row for row in session.scalars(query)}
