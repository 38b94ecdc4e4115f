"""Where two checkpoints answer differently, sample by sample."""

from sqlalchemy.orm import Session

from backend.contracts.comparisons import Disagreements
from backend.contracts.problems import NotFound
from backend.store import comparisons
from backend.store import projects as rows
from backend.store.artifacts import Tensors, outputs_key
from backend.store.files import Files

MOST_SAMPLES = 24
LARGEST_SAMPLE = 3 * 64 * 64


def disagreements(session: Session, files: Files, comparison: int, *, a: int, b: int) -> Disagreements:
    """Samples of the held-out probe set to which two checkpoints name different classes.

    The samples on which both are most confident come first; each carries its values when it
    is small enough to be drawn.
    """
    row = comparisons.comparison(session, comparison)
    if not {a, b} <= set(row.specification["checkpoints"]):
        raise NotFound("Both checkpoints must be part of this comparison.")
    probe = rows.probe(session, row.specification["probe"])
    precision = row.specification["precision"]
    answers = [
        Tensors(files.cached(outputs_key(rows.checkpoint(session, i), probe, precision=precision))) for i in (a, b)
    ]
    classes = [[int(v) for v in t.rows("predictions")] for t in answers]
    confidence = [list(t.rows("confidence")) for t in answers]
    differing = [i for i, (p, q) in enumerate(zip(*classes, strict=True)) if p != q]
    differing.sort(key=lambda i: -confidence[0][i] * confidence[1][i])
    samples = Tensors(files.path(probe.file_hash or ""))
    labels = [int(v) for v in samples.rows("y")] if samples.has("y") else []
    shape = samples.shape("x")[1:]
    size = 1
    for side in shape:
        size *= side
    found = []
    for i in differing[:MOST_SAMPLES]:
        found.append(
            {
                "sample": i,
                "label": labels[i] if labels else None,
                "a": {"class": classes[0][i], "confidence": confidence[0][i]},
                "b": {"class": classes[1][i], "confidence": confidence[1][i]},
                "shape": shape,
                "values": list(samples.rows("x", i, 1)) if size <= LARGEST_SAMPLE else [],
            }
        )
    return Disagreements(total=len(differing), samples=found)
