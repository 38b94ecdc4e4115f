"""From a stored checkpoint to the network that runs it."""

from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from kinscape.backend.contracts.checkpoints import Level
from kinscape.backend.contracts.problems import NotFound, Unprocessable
from kinscape.backend.store.files import Files
from kinscape.backend.store.tables import CheckpointRow
from kinscape.worker.inputs.binary import with_two_logits
from kinscape.worker.inputs.undefined import NeedsMore
from kinscape.worker.loading import registry
from kinscape.worker.loading.graph import Graph
from kinscape.worker.loading.program import Program

KNOWN = {Level.WEIGHTS: "its weights alone are known", Level.RECORDED: "its recorded outputs alone are known"}


def stored(files: Files, digest: str | None) -> Path:
    """Where the file of a checkpoint or probe set lies, its bytes checked once in this process.

    Raises:
        NeedsMore: it is missing or damaged; the sentence says what heals it.
    """
    try:
        return files.verified(digest or "")
    except NotFound as problem:
        raise NeedsMore(problem.detail) from problem


def built(checkpoint: CheckpointRow) -> nn.Module:
    """The checkpoint's architecture with weights of its own.

    Raises:
        NeedsMore: it was one of the owner's, and is no longer.
    """
    try:
        return registry.build(checkpoint.architecture or "", **checkpoint.arguments)
    except Unprocessable as problem:
        raise NeedsMore(
            f"Its architecture cannot be built here: {problem.detail} An own one is given to the server by "
            "kinscape up --networks FILE.py."
        ) from problem


def network_of(checkpoint: CheckpointRow, files: Files) -> nn.Module:
    """The checkpoint's network with its weights, in eval mode.

    Raises:
        NeedsMore: it cannot be run here; the sentence says how it could be.
    """
    if not checkpoint.level.runs:
        raise NeedsMore(f"Not run here, as {KNOWN[checkpoint.level]}: upload it as a program (torch.export).")
    weights = load_file(stored(files, checkpoint.file_hash))
    if checkpoint.level is Level.PROGRAM:
        return with_two_logits(Program(Graph.read(stored(files, checkpoint.facts.graph)), weights))
    module = built(checkpoint)
    module.load_state_dict(weights, strict=False)
    return with_two_logits(module.eval())
