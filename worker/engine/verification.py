"""Whether a checkpoint computes what its owner's model computes."""

import torch
from sqlalchemy.orm import Session
from torch import Tensor

from kinscape.backend.contracts.checkpoints import Level, Verdict, Verification
from kinscape.backend.contracts.jobs import Verify
from kinscape.backend.store import checkpoints, probes
from kinscape.backend.store.database import Database
from kinscape.backend.store.tables import CheckpointRow, ProbeRow
from kinscape.worker.engine.forward import forward
from kinscape.worker.engine.materials import Materials
from kinscape.worker.inputs.undefined import Undefined

# Of the spread of the outputs. The nearest of wrong guesses that were tried (a small transformer with eight heads taken
# for one with four) was off by a twenty-fifth.
TOLERANCE = 2e-3


def verify(database: Database, materials: Materials, job: Verify) -> None:
    """Compare outputs with those that were given, and keep the verdict."""
    with database.transaction() as session:
        checkpoint = checkpoints.get(session, job.checkpoint)
        probe = probes.get(session, job.probe)
    found = _verification(materials, checkpoint, probe, torch.tensor(job.logits, dtype=torch.float64))
    with database.transaction() as session:
        _keep(session, job, found)


def give_up(session: Session, job: Verify, sentence: str) -> None:
    """Say that the outputs could not be compared."""
    _keep(session, job, Verification(sentence=sentence))


def _keep(session: Session, job: Verify, verification: Verification) -> None:
    row = checkpoints.find(session, job.checkpoint)
    if row is None:
        # Removed while it was verified.
        return
    row.facts = row.facts.model_copy(update={"verification": verification})


def _verification(materials: Materials, checkpoint: CheckpointRow, probe: ProbeRow, given: Tensor) -> Verification:
    try:
        ours = _outputs(materials, checkpoint, probe, len(given))
    except Undefined as sentence:
        return Verification(sentence=str(sentence))
    if ours.shape != given.shape:
        classes = f"It has {ours.shape[1]} classes, the given outputs have {given.shape[1]}."
        return Verification(verdict=Verdict.CONTRADICTED, sentence=classes)
    spread = float((given - given.mean(1, keepdim=True)).abs().max())
    away = float((ours - given).abs().max())
    what = f"the largest difference of {len(given)} × {given.shape[1]} outputs for {probe.name} is {away:.3g}"
    if away <= TOLERANCE * spread:
        return Verification(verdict=Verdict.VERIFIED, sentence=f"Verified: {what}.")
    return Verification(
        verdict=Verdict.CONTRADICTED,
        sentence=f"Contradicted: {what}, where they spread over {spread:.3g}. Check activation, normalisation of the "
        "samples and order of the classes; a program (torch.export) leaves none of these open.",
    )


def _outputs(materials: Materials, checkpoint: CheckpointRow, probe: ProbeRow, rows: int) -> Tensor:
    """Outputs in the checkpoint's own order of classes, ``(rows, classes)``."""
    if checkpoint.level is Level.RECORDED:
        known = materials.outputs(checkpoint, probe, precision="float32").logits[:rows].double().cpu()
        return known if checkpoint.class_order is None else known[:, checkpoint.class_order]
    x, _ = materials.samples(checkpoint, probe, precision="float32")
    answers, _ = forward(materials.network(checkpoint, precision="float32"), x[:rows], layers={}, reduction="")
    if answers.sequences is not None:
        raise Undefined("The network answers for every position; only (samples, classes) can be verified.")
    return answers.logits.double().cpu()
