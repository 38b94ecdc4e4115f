"""Projects: reading and writing rows."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kinscape.backend.contracts.problems import Conflict, NotFound
from kinscape.backend.store.pages import EVERYTHING, Listed, Window, listed
from kinscape.backend.store.tables import CheckpointRow, ComparisonRow, ProjectRow


def add(session: Session, name: str) -> ProjectRow:
    """A new project; its name must be free."""
    if session.scalar(select(ProjectRow.id).where(ProjectRow.name == name)):
        raise Conflict(f"A project named {name!r} exists already; open it or choose another name.")
    row = ProjectRow(name=name)
    session.add(row)
    session.flush()
    return row


def rename(session: Session, id: int, name: str) -> ProjectRow:
    """A project under another name, which must be free."""
    row = get(session, id)
    other = session.scalar(select(ProjectRow.id).where(ProjectRow.name == name))
    if other not in (None, id):
        raise Conflict(f"A project named {name!r} exists already; choose another name.")
    row.name = name
    session.flush()
    return row


def get(session: Session, id: int) -> ProjectRow:
    """The project of this number."""
    row = session.get(ProjectRow, id)
    if row is None:
        raise NotFound(f"There is no project {id}.")
    return row


def lock(session: Session, id: int) -> None:
    """Let nobody else ask in this project until the transaction ends."""
    session.execute(select(ProjectRow.id).where(ProjectRow.id == id).with_for_update())


def all_with_counts(session: Session, window: Window = EVERYTHING) -> Listed[tuple[ProjectRow, int, int]]:
    """Projects with how many checkpoints and comparisons they hold, newest first."""
    checkpoints = select(func.count()).where(CheckpointRow.project_id == ProjectRow.id).scalar_subquery()
    comparisons = (
        select(func.count())
        .where(ComparisonRow.project_id == ProjectRow.id, ComparisonRow.deleted.is_(None))
        .scalar_subquery()
    )
    return listed(session, select(ProjectRow, checkpoints, comparisons), ProjectRow.id, window)


def names(session: Session, ids: set[int]) -> dict[int, str]:
    """Names of projects by number."""
    query = select(ProjectRow.id, ProjectRow.name).where(ProjectRow.id.in_(ids))
    return {row.id: row.name for row in session.execute(query)}
