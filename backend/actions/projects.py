"""Projects: made, listed, opened."""

from sqlalchemy.orm import Session

from kinscape.backend.contracts.projects import Project
from kinscape.backend.store import projects
from kinscape.backend.store.pages import EVERYTHING, Listed, Window
from kinscape.backend.store.tables import ProjectRow


def create(session: Session, name: str) -> Project:
    """A new project."""
    return _described(projects.add(session, name))


def list_all(session: Session, window: Window = EVERYTHING) -> Listed[Project]:
    """Projects, newest first."""
    return projects.all_with_counts(session, window).made(lambda rows: [_described(row, n, m) for row, n, m in rows])


def get(session: Session, id: int) -> Project:
    """One project."""
    return _described(projects.get(session, id))


def rename(session: Session, id: int, name: str) -> Project:
    """The project under another name.

    Raises:
        Conflict: another project has it.
    """
    return _described(projects.rename(session, id, name))


def _described(row: ProjectRow, checkpoints: int = 0, comparisons: int = 0) -> Project:
    return Project(id=row.id, name=row.name, created=row.created, checkpoints=checkpoints, comparisons=comparisons)
