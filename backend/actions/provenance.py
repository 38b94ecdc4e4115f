"""What the numbers of an exported matrix depend on."""

from importlib.metadata import version
from typing import Any

from sqlalchemy.orm import Session

from kinscape.backend.actions.measures import AskedQuestion
from kinscape.backend.store import probes


def provenance(session: Session, asked: AskedQuestion) -> dict[str, Any]:
    """Everything that a number of one measure depends on but the checkpoints; what does not apply is left out."""
    question = asked.question
    found = {
        "product": f"kinscape {version('kinscape')}",
        "comparison": asked.comparison.id,
        "results": asked.comparison.version,
        "measure": question.slug,
        "version": question.version,
        "parameters": dict(question.parameters),
        "references": list(question.reference_ids),
        "layers": [name for name in dict.fromkeys((question.layer_a, question.layer_b)) if name],
        "reduction": question.reduction,
        "precision": question.precision,
        "seed": question.seed,
        "role": str(question.role.value),
        "probe": _probe(session, question.probe_id),
        "train_probe": _probe(session, question.train_probe_id),
    }
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def _probe(session: Session, id: int | None) -> dict[str, str | None] | None:
    """A probe set by its name and the hash of its samples."""
    if id is None:
        return None
    row = probes.get(session, id)
    return {"name": row.name, "sha256": row.content_hash}
