"""Projects, checkpoints, probe sets, cards."""

import sqlalchemy as sa
from fastapi import APIRouter, Response

from backend.actions import keeping
from backend.api.parts import Opened, RowId, Transaction
from backend.contracts.cards import ArchitectureCard, Card
from backend.contracts.projects import Checkpoint, CheckpointChange, Probe, ProbeDescription, Project, ProjectCreate
from backend.store import cards

router = APIRouter(tags=["library"])


@router.get("/health")
def health(session: Transaction, parts: Opened) -> dict[str, object]:
    """Whether every part answers, and which workers were seen."""
    session.execute(sa.text("select 1"))
    workers = cards.workers(session)
    known = cards.measures(session)
    broker = parts.queue.is_reachable()
    return {
        "ready": bool(workers and known and broker),
        "broker": broker,
        "workers": len(workers),
        "measures": len(known),
    }


@router.get("/measures")
def measures(session: Transaction) -> list[Card]:
    """The cards of all measures, by family."""
    return list(cards.measures(session).values())


@router.get("/architectures")
def architectures(session: Transaction) -> list[ArchitectureCard]:
    """Architectures that can be built by name, with arguments and tensor names."""
    return list(cards.architectures(session).values())


@router.get("/projects")
def projects(session: Transaction) -> list[Project]:
    """All projects, newest first."""
    return keeping.projects(session)


@router.post("/projects", status_code=201)
def create_project(session: Transaction, wish: ProjectCreate) -> Project:
    """Make a project."""
    return keeping.create_project(session, wish.name)


@router.get("/projects/{project}")
def project(session: Transaction, project: RowId) -> Project:
    """One project."""
    return keeping.project(session, project)


@router.get("/projects/{project}/checkpoints")
def checkpoints(session: Transaction, project: RowId) -> list[Checkpoint]:
    """All checkpoints of a project, newest first."""
    return keeping.checkpoints(session, project)


@router.get("/checkpoints/{checkpoint}")
def checkpoint(session: Transaction, checkpoint: RowId) -> Checkpoint:
    """One checkpoint."""
    return keeping.checkpoint(session, checkpoint)


@router.patch("/checkpoints/{checkpoint}")
def change_checkpoint(session: Transaction, checkpoint: RowId, change: CheckpointChange) -> Checkpoint:
    """Rename, regroup, retag, or confirm the architecture of a checkpoint."""
    return keeping.change_checkpoint(session, checkpoint, change)


@router.delete("/checkpoints/{checkpoint}", status_code=204)
def delete_checkpoint(session: Transaction, checkpoint: RowId) -> Response:
    """Remove a checkpoint that no comparison shows."""
    keeping.delete_checkpoint(session, checkpoint)
    return Response(status_code=204)


@router.get("/projects/{project}/probes")
def probes(session: Transaction, project: RowId) -> list[Probe]:
    """All probe sets of a project, newest first."""
    return keeping.probes(session, project)


@router.post("/projects/{project}/probes/digits", status_code=201)
def add_digits(session: Transaction, project: RowId, wish: ProbeDescription) -> Probe:
    """Add scikit-learn's digits: 1297 training images for the role train, else 500 held-out ones."""
    return keeping.add_digits(session, project, wish)


@router.get("/probes/{probe}")
def probe(session: Transaction, probe: RowId) -> Probe:
    """One probe set."""
    return keeping.probe(session, probe)
