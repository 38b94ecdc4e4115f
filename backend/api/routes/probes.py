"""Probe sets."""

from fastapi import APIRouter, Response

from kinscape.backend.actions import probes, removal
from kinscape.backend.api.parts import Deleted, Paged, RowId, Transaction
from kinscape.backend.contracts.probes import Probe, ProbeChange, ProbeDescription

router = APIRouter(tags=["library"])


@router.get("/projects/{project}/probes")
def of_project(session: Transaction, page: Paged, project: RowId, *, deleted: Deleted = False) -> list[Probe]:
    """Probe sets of a project, newest first; with ``deleted``, those that can be restored."""
    return page.of(probes.of_project(session, project, page.window, are_deleted=deleted))


@router.post("/projects/{project}/probes/digits", status_code=201)
def add_digits(session: Transaction, project: RowId, description: ProbeDescription) -> Probe:
    """Add scikit-learn's digits: 1297 training images for the role train, else 500 held-out ones."""
    return probes.add_digits(session, project, description)


@router.get("/probes/{probe}")
def get(session: Transaction, probe: RowId) -> Probe:
    """One probe set."""
    return probes.get(session, probe)


@router.patch("/probes/{probe}")
def change(session: Transaction, probe: RowId, wanted: ProbeChange) -> Probe:
    """Rename a probe set, or give it another role."""
    return removal.change_probe(session, probe, wanted)


@router.delete("/probes/{probe}", status_code=204)
def delete(session: Transaction, probe: RowId) -> Response:
    """Delete a probe set about which nothing asks; for seven days it can be restored."""
    removal.delete_probe(session, probe)
    return Response(status_code=204)


@router.post("/probes/{probe}/restore")
def restore(session: Transaction, probe: RowId) -> Probe:
    """Bring a deleted probe set back."""
    return removal.restore_probe(session, probe)
