"""What a checkpoint can be asked for, where no architecture of the registry runs it."""

import hashlib
import json

import torch

from kinscape.backend.contracts.checkpoints import Accepts, Level
from kinscape.backend.store.files import Files
from kinscape.backend.store.tables import CheckpointRow
from kinscape.worker.inputs.effective import effective
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.loading import dry_run
from kinscape.worker.loading.graph import Graph
from kinscape.worker.loading.operators import DTYPES
from kinscape.worker.loading.program import layers_of, penultimate_of

WEIGHTS_ONLY = (
    "Weights only: names and shapes fit no architecture that is known here. For outputs and features, upload the model "
    "as a program (torch.export), or give the server your class (kinscape up --networks FILE.py)."
)


def describe_program(row: CheckpointRow, files: Files) -> list[str]:
    """A checkpoint that is a program, tried on shapes without memory; returns what its user should know.

    Raises:
        Refusal: it uses what is not read here, or does not run.
    """
    graph = Graph.read(files.path(row.facts.graph))
    program = dry_run.on_meta(graph, row.facts.tensors)
    shape = dry_run.output_shape(program, graph)
    first = graph.inputs[0]
    sides = first.shape[1:]
    dtype = DTYPES.get(first.dtype, torch.float32)
    notes = []
    if first.shape and first.shape[0] is not None:
        notes.append(
            f"The program takes {first.shape[0]} samples at a time, so it is slow: export it with "
            "dynamic_shapes=({0: torch.export.Dim.AUTO},)."
        )
    if len(graph.outputs) > 1:
        which = "the one called logits" if any(o.is_logits for o in graph.outputs) else "the first"
        notes.append(f"The program returns {len(graph.outputs)} tensors; {which} is compared.")
    one_logit = len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)
    if one_logit:
        notes.append("It answers with one number, which is read as the logit of the second of two classes.")
    if len(shape) > 2:
        notes.append("It answers for every position: each is compared, and each token's label is the next one.")
    row.layers = layers_of(program)
    row.facts = row.facts.model_copy(
        update={
            "level": Level.PROGRAM,
            "parameters": sum(p.numel() for p in program.parameters()),
            "penultimate": penultimate_of(program),
            "accepts": Accepts(
                shape=sides, channels=sides[0] if len(sides) == 3 else None, is_whole=not dtype.is_floating_point
            ),
            "classes": 2 if one_logit else shape[1] if len(shape) == 2 else None,
        }
    )
    named = json.dumps(["program", row.facts.graph, row.normalisation, row.class_order], sort_keys=True)
    row.architecture_hash = hashlib.sha256(named.encode()).hexdigest()
    return notes


def describe_weights(row: CheckpointRow, fitting: list[str]) -> list[str]:
    """A checkpoint of which only the weights are known; returns what its user should know.

    Args:
        fitting: architectures that have these names and shapes; one of them may be its own.
    """
    state = {
        name: torch.empty(shape, device="meta")
        for name, shape in row.facts.shapes.items()
        if name not in row.facts.tied
    }
    notes = []
    if not fitting:
        notes.append(WEIGHTS_ONLY)
    else:
        notes.append(f"Weights only, until its architecture is confirmed: names and shapes fit {' or '.join(fitting)}.")
    try:
        parameters = sum(t.numel() for t in effective(state).values())
    except Undefined as sentence:
        parameters = sum(t.numel() for t in state.values())
        notes.append(str(sentence))
    row.layers = []
    row.facts = row.facts.model_copy(update={"level": Level.WEIGHTS, "parameters": parameters})
    return notes
