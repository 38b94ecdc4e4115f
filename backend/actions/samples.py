"""Where two checkpoints predict different classes, sample by sample."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from sqlalchemy.orm import Session

from kinscape.backend.actions import measures
from kinscape.backend.contracts.pairs import DisagreeingSample, Disagreements, Prediction
from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.store import checkpoints, comparisons, probes
from kinscape.backend.store.artifacts import outputs_key
from kinscape.backend.store.files import Files

# As many as fit a page; each is a small image.
MOST_SAMPLES = 24
# Values of a sample that is sent to be drawn: three channels of 64 × 64.
LARGEST_SAMPLE = 3 * 64 * 64


def disagreements(session: Session, files: Files, comparison: int, *, a: int, b: int) -> Disagreements:
    """Samples of the held-out probe set to which two checkpoints give different classes.

    The samples on which both are most confident come first; each carries its values when it
    is small enough to be drawn.
    """
    row = comparisons.get(session, comparison)
    measures.check_members(row, a, b)
    probe = probes.get(session, row.specification.probe)
    both = []
    for id in (a, b):
        key = outputs_key(checkpoints.get(session, id), probe, precision=row.specification.precision)
        both.append(_read(files.cached(key), "predictions", "confidence"))
    (classes_a, sure_a), (classes_b, sure_b) = both
    if len(classes_a) != len(classes_b):
        raise NotFound("One of the two answers once per sample, the other for every position: nothing can be listed.")
    differing = np.flatnonzero(classes_a != classes_b)
    differing = differing[np.argsort(-sure_a[differing] * sure_b[differing], kind="stable")]
    shown = []
    with safe_open(files.path(probe.file_hash or ""), "numpy") as file:
        labels = file.get_tensor("y") if "y" in file.keys() else None  # noqa: SIM118  (a file, not a dict)
        samples = file.get_slice("x")
        if len(classes_a) != samples.get_shape()[0]:
            # Answers for every position: which sample each belongs to is not drawn.
            return Disagreements(total=len(differing), samples=[])
        shape = samples.get_shape()[1:]
        is_small = int(np.prod(shape)) <= LARGEST_SAMPLE
        for k in differing[:MOST_SAMPLES].tolist():
            shown.append(
                DisagreeingSample(
                    sample=k,
                    label=None if labels is None else int(labels[k]),
                    a=Prediction(predicted=int(classes_a[k]), confidence=float(sure_a[k])),
                    b=Prediction(predicted=int(classes_b[k]), confidence=float(sure_b[k])),
                    shape=shape,
                    values=samples[k : k + 1].ravel().tolist() if is_small else [],
                )
            )
    return Disagreements(total=len(differing), samples=shown)


def _read(path: Path, *names: str) -> list[np.ndarray]:
    """Tensors of a file that can be made again."""
    if not path.is_file():
        raise NotFound("The models' outputs are no longer kept; run the comparison again.")
    try:
        with safe_open(path, "numpy") as file:
            return [file.get_tensor(name) for name in names]
    except SafetensorError as error:
        raise NotFound("A stored file is damaged; run the comparison again.") from error
