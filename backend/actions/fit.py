"""Whether a checkpoint's network can read a probe set."""

import numpy as np

from kinscape.backend.actions.uploads import short
from kinscape.backend.contracts.checkpoints import Accepts
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.backend.store.tables import CheckpointRow, ProbeRow


def check_fit(checkpoint: CheckpointRow, probe: ProbeRow) -> None:
    """Refuse samples that a network does not take, or labels that it cannot predict."""
    accepts, shape = checkpoint.facts.accepts, probe.facts.shape
    who = f"Probe set {short(probe.name)} does not fit checkpoint {short(checkpoint.name)}"
    size = int(np.prod(shape))
    if accepts.shape is not None:
        _check_shape(accepts, shape, who)
    if accepts.inputs is not None and size != accepts.inputs:
        raise Unprocessable(f"{who}: it has {size} values per sample, the network takes {accepts.inputs}.")
    if accepts.channels is not None and accepts.shape is None:
        if len(shape) != 3 or shape[0] != accepts.channels:
            raise Unprocessable(
                f"{who}: its samples have shape {tuple(shape)}, the network takes ({accepts.channels}, height, width)."
            )
        image = f"{who}: its images are {shape[1]}×{shape[2]}"
        if accepts.side is not None and shape[1:] != [accepts.side, accepts.side]:
            raise Unprocessable(f"{image}, the network takes {accepts.side}×{accepts.side}.")
        if min(shape[1:]) < accepts.least_side:
            raise Unprocessable(f"{image}, the network needs {accepts.least_side}×{accepts.least_side}.")
    _check_classes(checkpoint, probe, who)


def _check_shape(accepts: Accepts, shape: list[int], who: str) -> None:
    """Samples of a program: side by side as it was exported, or as many values where it takes them flat."""
    wanted = accepts.shape or ()
    flat = len(wanted) == 1 and wanted[0] in (None, int(np.prod(shape)))
    if flat or (len(wanted) == len(shape) and all(w in (None, s) for w, s in zip(wanted, shape, strict=True))):
        return
    sides = ", ".join("any" if w is None else str(w) for w in wanted)
    raise Unprocessable(f"{who}: its samples have shape {tuple(shape)}, the program takes ({sides}).")


def _check_classes(checkpoint: CheckpointRow, probe: ProbeRow, who: str) -> None:
    labels, classes = probe.facts.classes, checkpoint.facts.classes
    if classes is not None and labels and labels > classes:
        raise Unprocessable(f"{who}: its labels go up to {labels - 1}, the network predicts {classes} classes.")
