"""Probe sets."""

from fastapi import APIRouter

from kinscape.backend.actions import probes
from kinscape.backend.api.parts import Paged, RowId, Transaction
from kinscape.backend.contracts.probes import Probe, ProbeDescription

router = APIRouter(tags=["library"])


@router.get("/projects/{project}/probes")
def of_project(session: Transaction, page: Paged, project: RowId) -> list[Probe]:
    """Probe sets of a project, newest first."""
    return page.of(probes.of_project(session, project, page.window))


@router.post("/projects/{project}/probes/digits", status_code=201)
def add_digits(session: Transaction, project: RowId, description: ProbeDescription) -> Probe:
    """Add scikit-learn's digits: 1297 training images for the role train, else 500 held-out ones."""
    return probes.add_digits(session, project, description)


@router.get("/probes/{probe}")
def get(session: Transaction, probe: RowId) -> Probe:
    """One probe set."""
    return probes.get(session, probe)
