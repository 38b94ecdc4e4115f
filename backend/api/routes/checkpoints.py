"""Checkpoints."""

from fastapi import APIRouter, Request, Response

from kinscape.backend.actions import checkpoints, derivations, portraits, removal, repeats
from kinscape.backend.api.parts import Deleted, Paged, RowId, Transaction
from kinscape.backend.contracts.checkpoints import (
    Checkpoint,
    CheckpointChange,
    Replacement,
    Tagging,
    VerificationRequest,
)
from kinscape.backend.contracts.fingerprints import Repeats
from kinscape.backend.contracts.operations import DerivationRequest
from kinscape.backend.contracts.portraits import Portrait
from kinscape.backend.contracts.shares import ShareScope

router = APIRouter(tags=["library"])


@router.get("/projects/{project}/checkpoints")
def of_project(session: Transaction, page: Paged, project: RowId, *, deleted: Deleted = False) -> list[Checkpoint]:
    """Checkpoints of a project, newest first; with ``deleted``, those that can be restored."""
    return page.of(checkpoints.of_project(session, project, page.window, are_deleted=deleted))


@router.get("/projects/{project}/repeats")
def repeats_of(session: Transaction, project: RowId) -> Repeats:
    """Equal files, shared tensors, and steps of runs that are not what their names say."""
    return repeats.of_project(session, project)


@router.post("/projects/{project}/checkpoints/tag")
def tag(session: Transaction, project: RowId, wanted: Tagging) -> list[Checkpoint]:
    """Give many checkpoints one tag, or take it away: all of them or none."""
    return checkpoints.tag(session, project, wanted)


@router.post("/projects/{project}/checkpoints/derive", status_code=202)
def derive(session: Transaction, project: RowId, wanted: DerivationRequest) -> Checkpoint:
    """Make a checkpoint from others: pruned, quantised, reset, drawn again, averaged, interpolated."""
    return derivations.derive(session, project, wanted)


@router.get("/comparisons/{comparison}/checkpoints")
def of_comparison(session: Transaction, request: Request, comparison: RowId) -> list[Checkpoint]:
    """The checkpoints of a comparison in its order; to who comes with a link to one matrix, without other numbers."""
    found = checkpoints.of_comparison(session, comparison)
    share = request.state.principal.share
    if share is None or share.scope is ShareScope.COMPARISON:
        return found
    return [c.model_copy(update={"metrics": {}, "notes": ""}) for c in found]


@router.get("/checkpoints/{checkpoint}")
def get(session: Transaction, checkpoint: RowId) -> Checkpoint:
    """One checkpoint."""
    return checkpoints.get(session, checkpoint)


@router.get("/checkpoints/{checkpoint}/portrait")
def portrait(session: Transaction, checkpoint: RowId) -> Portrait:
    """Everything that is known of one checkpoint: relatives, comparisons, numbers, neighbours, tensors."""
    return portraits.portrait(session, checkpoint)


@router.patch("/checkpoints/{checkpoint}")
def change(session: Transaction, checkpoint: RowId, wanted: CheckpointChange) -> Checkpoint:
    """Rename, regroup, retag, set lineage, run, step or metrics, or confirm the architecture."""
    return checkpoints.change(session, checkpoint, wanted)


@router.post("/checkpoints/{checkpoint}/verification", status_code=202)
def verify(session: Transaction, checkpoint: RowId, wanted: VerificationRequest) -> Checkpoint:
    """Ask whether a checkpoint gives these outputs; the answer stands in its ``verification``."""
    return checkpoints.verify(session, checkpoint, wanted)


@router.delete("/checkpoints/{checkpoint}", status_code=204)
def delete(session: Transaction, checkpoint: RowId) -> Response:
    """Delete a checkpoint that no comparison shows; for seven days it can be restored."""
    removal.delete_checkpoint(session, checkpoint)
    return Response(status_code=204)


@router.post("/checkpoints/{checkpoint}/restore")
def restore(session: Transaction, checkpoint: RowId) -> Checkpoint:
    """Bring a deleted checkpoint back."""
    return removal.restore_checkpoint(session, checkpoint)


@router.post("/checkpoints/{checkpoint}/replace")
def replace(session: Transaction, checkpoint: RowId, wanted: Replacement) -> Checkpoint:
    """Let another checkpoint take its name, description and relatives."""
    return removal.replace(session, checkpoint, by=wanted.by)
