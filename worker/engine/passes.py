"""Forward passes as jobs."""

from kinscape.backend.contracts.jobs import Forward
from kinscape.backend.store import checkpoints, probes
from kinscape.backend.store.database import Database
from kinscape.worker.engine.materials import Materials
from kinscape.worker.inputs.undefined import Undefined


def run_forward(database: Database, materials: Materials, job: Forward) -> None:
    """One forward pass, all layers at once."""
    with database.transaction() as session:
        checkpoint = checkpoints.get(session, job.checkpoint)
        probe = probes.get(session, job.probe)
    try:
        materials.run_forward(checkpoint, probe, layers=job.layers, reduction=job.reduction, precision=job.precision)
    except Undefined:
        # The cells that need this pass say why, each for itself.
        return
