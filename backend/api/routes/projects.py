"""Projects."""

from fastapi import APIRouter, Response

from kinscape.backend.actions import projects, removal
from kinscape.backend.api.parts import Deleted, Paged, RowId, Transaction
from kinscape.backend.contracts.projects import Project, ProjectChange, ProjectCreate

router = APIRouter(tags=["library"])


@router.get("/projects")
def list_all(session: Transaction, page: Paged, *, deleted: Deleted = False) -> list[Project]:
    """Projects, newest first; with ``deleted``, those that can be restored."""
    return page.of(projects.list_all(session, page.window, are_deleted=deleted))


@router.post("/projects", status_code=201)
def create(session: Transaction, wanted: ProjectCreate) -> Project:
    """Make a project."""
    return projects.create(session, wanted)


@router.patch("/projects/{project}")
def change(session: Transaction, project: RowId, wanted: ProjectChange) -> Project:
    """Give a project another name, or write notes."""
    return projects.change(session, project, wanted)


@router.get("/projects/{project}")
def get(session: Transaction, project: RowId) -> Project:
    """One project."""
    return projects.get(session, project)


@router.delete("/projects/{project}", status_code=204)
def delete(session: Transaction, project: RowId) -> Response:
    """Delete a project with all that is in it; for seven days it can be restored."""
    removal.delete_project(session, project)
    return Response(status_code=204)


@router.post("/projects/{project}/restore")
def restore(session: Transaction, project: RowId) -> Project:
    """Bring a deleted project back, with all that went with it."""
    return removal.restore_project(session, project)
