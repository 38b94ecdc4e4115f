"""Studies: reading and writing rows."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.store import projects
from kinscape.backend.store.pages import EVERYTHING, Listed, Window, listed
from kinscape.backend.store.tables import StudyRow


def get(session: Session, id: int) -> StudyRow:
    """The study of this number."""
    return _there(session, session.get(StudyRow, id), id)


def locked(session: Session, id: int) -> StudyRow:
    """The study of this number, held until the transaction ends."""
    return _there(session, session.scalar(select(StudyRow).where(StudyRow.id == id).with_for_update()), id)


def _there(session: Session, row: StudyRow | None, id: int) -> StudyRow:
    if row is None:
        raise NotFound(f"There is no study {id}.")
    # It is there as long as its project is.
    projects.get(session, row.project_id)
    return row


def of_project(session: Session, project_id: int, window: Window = EVERYTHING) -> Listed[StudyRow]:
    """Studies of a project, newest first."""
    return listed(session, select(StudyRow).where(StudyRow.project_id == project_id), StudyRow.id, window)


def newest_run(session: Session, project_id: int, template: str) -> int | None:
    """The newest study of a kind in a project that was run."""
    query = select(StudyRow).where(StudyRow.project_id == project_id, StudyRow.comparison_id.is_not(None))
    found = session.scalars(query.order_by(StudyRow.id.desc()))
    return next((row.id for row in found if row.specification.template == template), None)


def registered_on(session: Session, comparison: int) -> list[str]:
    """Names of the preregistered studies that rest on a comparison."""
    query = select(StudyRow).where(StudyRow.comparison_id == comparison).order_by(StudyRow.id)
    return [row.name for row in session.scalars(query) if row.registration is not None]


def newest_of(session: Session, comparisons: set[int]) -> dict[int, int]:
    """By comparison, the newest study that it answers."""
    query = select(StudyRow.comparison_id, func.max(StudyRow.id)).where(StudyRow.comparison_id.in_(comparisons))
    rows = session.execute(query.group_by(StudyRow.comparison_id))
    return {comparison: study for comparison, study in rows if comparison is not None}
