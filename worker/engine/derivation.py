"""Making a checkpoint from others."""

import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from kinscape.backend.contracts.checkpoints import Level
from kinscape.backend.contracts.jobs import Derive
from kinscape.backend.contracts.operations import (
    Average,
    Difference,
    Interpolate,
    Merge,
    Operation,
    Prune,
    Quantise,
    Randomise,
    Reset,
)
from kinscape.backend.contracts.uploads import State
from kinscape.backend.store import checkpoints
from kinscape.backend.store.database import Database
from kinscape.backend.store.files import Files
from kinscape.backend.store.tables import CheckpointRow
from kinscape.worker.door.refusal import Refusal
from kinscape.worker.engine.inspection import settle_derived
from kinscape.worker.engine.networks import network_of, stored
from kinscape.worker.inputs.effective import effective
from kinscape.worker.inputs.undefined import NeedsMore, Undefined
from kinscape.worker.inputs.untrained import untrained
from kinscape.worker.loading import registry
from kinscape.worker.numerics.draws import seed_of
from kinscape.worker.operations.adapters import difference, merged
from kinscape.worker.operations.matrices import of_layers
from kinscape.worker.operations.mixing import averaged, with_layers_of
from kinscape.worker.operations.pruning import pruned
from kinscape.worker.operations.quantising import quantised

NOT_RECOMPUTED = "Running statistics of batch normalisation were {what}, not computed anew."


def derive(database: Database, files: Files, job: Derive) -> None:
    """Make a checkpoint from others; the outcome is written to its row."""
    with database.transaction() as session:
        row = checkpoints.find(session, job.checkpoint)
        if row is None or row.state is not State.INSPECTING:
            return
        sources = checkpoints.by_ids(session, job.sources)
        session.expunge_all()
    reason, digest = "", ""
    try:
        if len(sources) != len(job.sources):
            raise Undefined("A checkpoint that it was to be made of was deleted.")
        digest = _published(files, made(job.operation, sources, files))
    except (Undefined, NeedsMore) as sentence:
        reason = str(sentence)
    with database.transaction() as session:
        row = checkpoints.find(session, job.checkpoint)
        if row is None:
            return
        try:
            if reason:
                raise Refusal(reason)
            settle_derived(session, files, row, sources[0] if job.operation.keeps_function else None, digest)
            row.reason = " ".join(filter(None, (row.reason, told(job.operation, row))))
        except Refusal as refusal:
            row.state, row.reason = State.REFUSED, str(refusal)


def made(operation: Operation, sources: list[CheckpointRow], files: Files) -> dict[str, Tensor]:
    """The weights that an operation gives.

    Raises:
        Undefined, NeedsMore: it cannot be done with these; the sentence says why.
    """
    weights = [_weights(source, files) for source in sources]
    match operation:
        case Prune():
            settings = operation.model_dump(include={"share", "per_layer", "at_random", "seed"})
            return pruned(weights[0], **settings)
        case Quantise():
            return quantised(weights[0], bits=operation.bits, per_tensor=operation.per_tensor)
        case Reset():
            return with_layers_of(weights[0], weights[1], operation.layers)
        case Randomise():
            drawn = _drawn(sources[0], files, operation.seed)
            chosen = of_layers(weights[0], operation.layers)
            return {name: drawn.get(name, w) if name in chosen else w for name, w in weights[0].items()}
        case Average():
            return averaged(weights, [1 / len(weights)] * len(weights))
        case Interpolate():
            return averaged(weights, [1 - operation.at, operation.at])
        case Merge():
            settings = operation.model_dump(include={"alpha", "rank_stabilised", "transposed"})
            return merged(weights[0], weights[1], **settings)
        case Difference():
            return difference(weights[0], weights[1])


def told(operation: Operation, row: CheckpointRow) -> str:
    """What a reader of a derived checkpoint should know."""
    has_statistics = any(name.endswith("running_mean") for name in row.facts.tensors)
    if not has_statistics:
        return ""
    if isinstance(operation, Average | Interpolate):
        return NOT_RECOMPUTED.format(what="averaged")
    return "" if isinstance(operation, Quantise) else NOT_RECOMPUTED.format(what="kept")


def _weights(source: CheckpointRow, files: Files) -> dict[str, Tensor]:
    """The tensors of a checkpoint: of weights alone those that its network computes with, masks folded in."""
    read = load_file(stored(files, source.file_hash))
    return dict(effective(read)) if source.level is Level.WEIGHTS else read


def _drawn(source: CheckpointRow, files: Files, seed: int) -> dict[str, Tensor]:
    """The weights of the same architecture before training."""
    number = seed_of("randomise", seed, source.id)
    if source.level is Level.PROGRAM:
        return dict(untrained(network_of(source, files), number).state_dict())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number)
        return dict(registry.build(source.architecture or "", **source.arguments).state_dict())


def _published(files: Files, weights: dict[str, Tensor]) -> str:
    folder = Path(tempfile.mkdtemp(prefix="derive-", dir=files.quarantine))
    try:
        path = folder / "weights.safetensors"
        save_file({name: w.detach().contiguous().clone() for name, w in weights.items()}, path)
        return files.publish(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
