"""Projects: made, listed, opened."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from kinscape.backend.contracts.projects import NewestComparison, Project, ProjectChange, ProjectCreate
from kinscape.backend.store import projects, studies
from kinscape.backend.store.pages import EVERYTHING, Listed, Window
from kinscape.backend.store.tables import ProjectRow


def create(session: Session, wanted: ProjectCreate) -> Project:
    """A new project."""
    row = projects.add(session, wanted.name)
    row.notes = wanted.notes
    session.flush()
    return _described(row)


def list_all(session: Session, window: Window = EVERYTHING, *, are_deleted: bool = False) -> Listed[Project]:
    """Projects, or the deleted ones, newest first."""
    found = projects.all_with_counts(session, window, are_deleted=are_deleted)
    return found.made(lambda rows: _with_newest(session, rows))


def _with_newest(session: Session, rows: Sequence[tuple[ProjectRow, int, int]]) -> list[Project]:
    newest = projects.newest_comparisons(session, [row.id for row, _, _ in rows])
    answers = studies.newest_of(session, {c.id for c in newest.values()})
    last = {
        project: NewestComparison(id=c.id, name=c.name, state=c.state, study=answers.get(c.id))
        for project, c in newest.items()
    }
    return [_described(row, n, m, last.get(row.id)) for row, n, m in rows]


def get(session: Session, id: int) -> Project:
    """One project."""
    projects.get(session, id)
    return _with_newest(session, projects.all_with_counts(session, only=id).rows)[0]


def change(session: Session, id: int, wanted: ProjectChange) -> Project:
    """The project under another name, or with other notes.

    Raises:
        Conflict: another project has the name.
    """
    if wanted.name is not None:
        projects.rename(session, id, wanted.name)
    if wanted.notes is not None:
        projects.get(session, id).notes = wanted.notes
        session.flush()
    return get(session, id)


def _described(
    row: ProjectRow, checkpoints: int = 0, comparisons: int = 0, newest: NewestComparison | None = None
) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        notes=row.notes,
        created=row.created,
        checkpoints=checkpoints,
        comparisons=comparisons,
        newest=newest,
    )
