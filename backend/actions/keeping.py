"""Projects, and what may be changed of the checkpoints in them."""

from sqlalchemy.orm import Session

from backend.actions import describing
from backend.actions.uploading import check_architecture, short
from backend.contracts.problems import Conflict, Unprocessable
from backend.contracts.projects import Checkpoint, CheckpointChange, Probe, ProbeDescription, Project
from backend.store import jobs
from backend.store import projects as rows
from backend.store.tables import ProbeRow


def create_project(session: Session, name: str) -> Project:
    """A new project."""
    return describing.project(rows.add_project(session, name))


def projects(session: Session) -> list[Project]:
    """All projects, newest first."""
    return [describing.project(row, n, m) for row, n, m in rows.projects(session)]


def project(session: Session, id: int) -> Project:
    """One project."""
    return describing.project(rows.project(session, id))


def checkpoints(session: Session, project: int) -> list[Checkpoint]:
    """All checkpoints of a project, newest first."""
    rows.project(session, project)
    return describing.checkpoints(session, rows.checkpoints(session, project))


def checkpoint(session: Session, id: int) -> Checkpoint:
    """One checkpoint."""
    return describing.checkpoints(session, [rows.checkpoint(session, id)])[0]


def change_checkpoint(session: Session, id: int, change: CheckpointChange) -> Checkpoint:
    """Rename, regroup, retag, or name the architecture of a checkpoint that waits for one."""
    row = rows.checkpoint(session, id)
    if change.name is not None and change.name != row.name:
        if rows.checkpoint_named(session, row.project_id, change.name):
            raise Conflict(f"A checkpoint named {short(change.name)} exists already; choose another name.")
        row.name = change.name
    if change.group is not None:
        row.group_name = change.group
    if change.tags is not None:
        row.tags = change.tags
    if change.architecture is not None:
        if row.state == "ready":
            raise Conflict("This checkpoint is ready; its architecture can no longer be changed.")
        if row.state == "inspecting":
            raise Conflict("This checkpoint is being inspected; wait until it is ready or refused.")
        check_architecture(session, change.architecture, change.arguments or {})
        row.architecture, row.arguments = change.architecture, change.arguments or {}
        row.state, row.reason = "inspecting", ""
        jobs.add(session, "inspect", {"checkpoint": row.id})
    elif change.arguments is not None:
        raise Unprocessable("Arguments need the architecture that they belong to.")
    session.flush()
    return describing.checkpoints(session, [row])[0]


def delete_checkpoint(session: Session, id: int) -> None:
    """Remove a checkpoint that no comparison shows."""
    row = rows.checkpoint(session, id)
    used = rows.comparisons_with(session, row)
    if used:
        raise Conflict(f"{used} comparisons show this checkpoint; it stays as long as they do.")
    session.delete(row)


def probes(session: Session, project: int) -> list[Probe]:
    """All probe sets of a project, newest first."""
    rows.project(session, project)
    return [describing.probe(r) for r in rows.probes(session, project)]


def add_digits(session: Session, project: int, wish: ProbeDescription) -> Probe:
    """Scikit-learn's digits as a probe set: the training part for the role train, else the held-out part."""
    rows.project(session, project)
    if rows.probe_named(session, project, wish.name):
        raise Conflict(f"A probe set named {short(wish.name)} exists already; choose another name.")
    row = ProbeRow(
        project_id=project, name=wish.name, role=wish.role, normalisation=wish.normalisation, state="inspecting"
    )
    session.add(row)
    session.flush()
    jobs.add(session, "inspect", {"probe": row.id, "builtin": "digits"})
    return describing.probe(row)


def probe(session: Session, id: int) -> Probe:
    """One probe set."""
    return describing.probe(rows.probe(session, id))
