"""Projects."""

from fastapi import APIRouter

from kinscape.backend.actions import projects
from kinscape.backend.api.parts import Paged, RowId, Transaction
from kinscape.backend.contracts.projects import Project, ProjectCreate

router = APIRouter(tags=["library"])


@router.get("/projects")
def list_all(session: Transaction, page: Paged) -> list[Project]:
    """Projects, newest first."""
    return page.of(projects.list_all(session, page.window))


@router.post("/projects", status_code=201)
def create(session: Transaction, wanted: ProjectCreate) -> Project:
    """Make a project."""
    return projects.create(session, wanted.name)


@router.patch("/projects/{project}")
def rename(session: Transaction, project: RowId, wanted: ProjectCreate) -> Project:
    """Give a project another name."""
    return projects.rename(session, project, wanted.name)


@router.get("/projects/{project}")
def get(session: Transaction, project: RowId) -> Project:
    """One project."""
    return projects.get(session, project)
