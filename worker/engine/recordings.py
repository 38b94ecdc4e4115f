"""Checkpoints of which outputs and features were recorded elsewhere: checked when they come, read when asked."""

import hashlib
import json

import numpy as np
from pydantic import ValidationError
from safetensors import safe_open
from safetensors.torch import load_file
from sqlalchemy.orm import Session
from torch import Tensor

from kinscape.backend.contracts.checkpoints import Level
from kinscape.backend.contracts.comparisons import OUTPUT, PENULTIMATE
from kinscape.backend.contracts.recordings import (
    ABOUT_KEY,
    FEATURES,
    FINGERPRINTS,
    LABELS,
    OUTPUTS,
    VERSION,
    VERSION_KEY,
    About,
    OutputKind,
    Recorded,
    fingerprints,
)
from kinscape.backend.contracts.uploads import State
from kinscape.backend.store import probes
from kinscape.backend.store.files import Files
from kinscape.backend.store.tables import CheckpointRow, ProbeRow
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.engine.forward import reduced
from kinscape.worker.engine.networks import stored
from kinscape.worker.inputs.outputs import are_probabilities
from kinscape.worker.inputs.undefined import NeedsMore, Undefined


def is_recording(metadata: dict[str, str]) -> bool:
    """Whether a file says that it is a recording."""
    return VERSION_KEY in metadata


def describe_recording(
    session: Session, row: CheckpointRow, files: Files, metadata: dict[str, str], *, probe: str
) -> list[str]:
    """A checkpoint that is a recording; returns what its user should know.

    Args:
        probe: name of the probe set that was recorded; found by its samples when empty.

    Raises:
        Refusal: it does not hold what it must, or not for a probe set of this project.
    """
    if metadata[VERSION_KEY] != VERSION:
        raise Refusal(f"This recording has version {quoted(metadata[VERSION_KEY])}; version {VERSION} is read.")
    about = _about(metadata)
    path = files.path(row.file_hash or "")
    shapes = row.facts.shapes
    samples, classes = _check_shapes(shapes)
    _check_values(load_file(path), about)
    with safe_open(path, "pt") as file:
        marks = file.get_tensor(FINGERPRINTS).numpy() if FINGERPRINTS in shapes else None
        labels = file.get_tensor(LABELS) if LABELS in shapes else None
    found, is_verified = _probe_of(session, row, files, samples, marks, probe)
    if labels is not None:
        _check_labels(labels, found, files)
    layers = [n.removeprefix(FEATURES) for n in shapes if n.startswith(FEATURES)]
    row.layers = layers
    row.facts = row.facts.model_copy(
        update={
            "level": Level.RECORDED,
            "classes": classes,
            "penultimate": layers[-1] if layers else "",
            "recorded": Recorded(probe=found.id, probe_name=found.name, about=about, is_verified=is_verified),
        }
    )
    row.architecture_hash = hashlib.sha256(json.dumps(["recording", found.id, row.class_order]).encode()).hexdigest()
    note = f"Recorded for the probe set {found.name}: {samples} samples, {classes} classes, {len(layers)} layers."
    if is_verified:
        return [note]
    return [note, "That its samples are those of the probe set, in this order, was not verified."]


def _about(metadata: dict[str, str]) -> About:
    try:
        return About.model_validate_json(metadata.get(ABOUT_KEY, "{}"))
    except ValidationError as error:
        raise Refusal(f"The recording's {ABOUT_KEY} is not what it must be: {error.errors()[0]['msg']}.") from error


def _check_shapes(shapes: dict[str, tuple[int, ...]]) -> tuple[int, int]:
    """Samples and classes of a recording."""
    if len(shapes.get(OUTPUTS, ())) != 2 or 0 in shapes[OUTPUTS]:
        raise Refusal(f"A recording needs a tensor {OUTPUTS!r} of shape (samples, classes).")
    samples, classes = shapes[OUTPUTS]
    for name, shape in shapes.items():
        if name not in (OUTPUTS, FINGERPRINTS, LABELS) and not name.startswith(FEATURES):
            raise Refusal(f"The recording holds {quoted(name)}; features are called {FEATURES!r} and the layer's name.")
        is_flat = name in (FINGERPRINTS, LABELS)
        if shape[:1] != (samples,) or (is_flat and len(shape) != 1) or (not is_flat and len(shape) < 2):
            raise Refusal(f"{quoted(name)} has the shape {shape}; the recording has {samples} samples.")
    return samples, classes


def _check_values(tensors: dict[str, Tensor], about: About) -> None:
    for name, values in tensors.items():
        if name in (FINGERPRINTS, LABELS):
            continue
        if not values.is_floating_point():
            raise Refusal(f"{quoted(name)} holds whole numbers; record it as float32.")
    outputs = tensors[OUTPUTS]
    if about.outputs is OutputKind.PROBABILITIES and not are_probabilities(outputs):
        raise Refusal("The outputs are said to be probabilities, and some rows do not: say logits.")


def _probe_of(
    session: Session, row: CheckpointRow, files: Files, samples: int, marks: np.ndarray | None, name: str
) -> tuple[ProbeRow, bool]:
    """The probe set that was recorded, and whether its samples are those of the recording."""
    ready = [p for p in probes.of_project(session, row.project_id).rows if p.state is State.READY]
    if name:
        named = [p for p in ready if p.name == name]
        if not named:
            known = ", ".join(quoted(p.name) for p in ready[:8]) or "none"
            raise Refusal(f"There is no probe set called {quoted(name)} that is ready; there are {known}.")
        ready = named
    fitting = [p for p in ready if p.facts.samples == samples]
    for one in fitting:
        if marks is not None and bool((_marks_of(one, files) == marks).all()):
            return one, True
    if name and not fitting:
        raise Refusal(f"The recording has {samples} samples, {quoted(name)} has {ready[0].facts.samples}.")
    if name:
        if marks is not None:
            _check_order(fitting[0], files, marks)
        return fitting[0], False
    raise Refusal(
        f"No probe set of this project holds the {samples} samples that were recorded: upload them as a probe set "
        "first, or say which one they are with probe=."
    )


def _marks_of(probe: ProbeRow, files: Files) -> np.ndarray:
    return fingerprints(load_file(files.path(probe.file_hash or ""))["x"].numpy())


def _check_order(probe: ProbeRow, files: Files, marks: np.ndarray) -> None:
    """Refuse samples that are those of a probe set in another order."""
    theirs = _marks_of(probe, files)
    if not np.array_equal(np.sort(theirs), np.sort(marks)):
        return
    first = int(np.flatnonzero(theirs != marks)[0])
    raise Refusal(
        f"The samples are those of {quoted(probe.name)} in another order, from sample {first} on: record them in the "
        "order of the probe set (a DataLoader must not shuffle)."
    )


def _check_labels(labels: Tensor, probe: ProbeRow, files: Files) -> None:
    with safe_open(stored(files, probe.file_hash), "pt") as file:
        if "y" not in file.keys():  # noqa: SIM118  (a file, not a dict)
            return
        theirs = file.get_tensor("y")
    different = (labels != theirs).nonzero()
    if len(different):
        first = int(different[0])
        raise Refusal(
            f"Sample {first} has the label {int(labels[first])} in the recording and {int(theirs[first])} in "
            f"{quoted(probe.name)}: its samples are others, or in another order."
        )


def recorded_outputs(checkpoint: CheckpointRow, probe: ProbeRow, files: Files) -> Tensor:
    """Recorded logits ``(samples, classes)``, float64.

    Raises:
        NeedsMore: they were recorded for another probe set.
    """
    recorded = _for_probe(checkpoint, probe)
    with safe_open(stored(files, checkpoint.file_hash), "pt") as file:
        values: Tensor = file.get_tensor(OUTPUTS).double()
    if recorded.about.outputs is OutputKind.PROBABILITIES:
        values = values.log().clamp_min(-1e30)
    return values


def recorded_features(
    checkpoint: CheckpointRow, probe: ProbeRow, files: Files, *, layer: str, reduction: str
) -> Tensor:
    """Recorded features of a layer, ``(samples, width)``, or with positions.

    Raises:
        NeedsMore: the layer was not recorded, or not for this probe set, or not with this reduction.
    """
    recorded = _for_probe(checkpoint, probe)
    if layer == OUTPUT:
        return recorded_outputs(checkpoint, probe, files)
    name = checkpoint.facts.penultimate if layer == PENULTIMATE else layer
    if name not in checkpoint.layers:
        raise NeedsMore("No features of this layer were recorded: record again with layers=.")
    used = recorded.about.reductions.get(name, "")
    if used and used != reduction:
        raise NeedsMore(f"The features were recorded with the reduction {used}: record again with {reduction}.")
    with safe_open(stored(files, checkpoint.file_hash), "pt") as file:
        values: Tensor = file.get_tensor(FEATURES + name)
    return values if used else reduced(values, reduction)


def _for_probe(checkpoint: CheckpointRow, probe: ProbeRow) -> Recorded:
    recorded = checkpoint.facts.recorded
    if recorded is None:
        raise Undefined("This recording holds nothing.")
    if recorded.probe != probe.id:
        raise NeedsMore(f"Recorded for the probe set {recorded.probe_name} alone: record {probe.name}, too.")
    return recorded
