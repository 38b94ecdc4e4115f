"""All measures of single models of a comparison, as one table."""

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.actions import matrices, measures
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.matrices import MissingCell, ModelColumn, ModelTable, Numbers
from kinscape.backend.store import checkpoints, comparisons, questions


def models(session: Session, id: int) -> ModelTable:
    """Every measure of single models, each layer of it a column."""
    row = comparisons.get(session, id)
    asked = [
        (name, question) for name, question in questions.of_comparison(session, id) if question.arity is Arity.MODEL
    ]
    columns, missing = [], []
    names = checkpoints.names(session, row.specification.checkpoints)
    ids = [i for i in row.specification.checkpoints if i in names]
    grids = {name: np.full((len(ids), len(asked)), np.nan) for name in ("values", "low", "high")}
    for k, (name, question) in enumerate(asked):
        whole = matrices.matrix(session, measures.find(session, id, name, layer=question.layer_a))
        header = whole.header
        for part, grid in grids.items():
            grid[:, k] = getattr(whole, part)[:, 0]
        missing += [MissingCell(row=m.row, column=k, why=m.why, sentence=m.sentence) for m in whole.missing]
        told = {"n": header.n, "role": header.role, "method": header.method, "warnings": header.warnings}
        columns.append(ModelColumn(measure=name, slug=header.slug, layer=header.layer, **told))
    packed = {name: Numbers.of(grid) for name, grid in grids.items()}
    labels = [names[i] for i in ids]
    return ModelTable(ids=ids, labels=labels, columns=columns, **packed, missing=missing, version=row.version)
