"""Associations, agreements and tables of layers of a finished comparison."""

from typing import TypeVar

import numpy as np
from pydantic import BaseModel
from sqlalchemy.orm import Session

from kinscape.backend.actions import measures
from kinscape.backend.contracts.associations import Agreements, Associations
from kinscape.backend.contracts.cells import Cell, Estimate, Reason, Why
from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.matrices import MissingCell, Numbers, Profile
from kinscape.backend.contracts.problems import NotFound, Unprocessable
from kinscape.backend.store import comparisons, matrices, summaries

Summary = TypeVar("Summary", bound=BaseModel)


def associations(session: Session, id: int) -> Associations:
    """Every measure of models against every outcome."""
    return _summary(session, id, Associations)


def agreements(session: Session, id: int) -> Agreements:
    """How far the measures of pairs tell the same."""
    return _summary(session, id, Agreements)


def _summary(session: Session, id: int, kind: type[Summary]) -> Summary:
    row = comparisons.get(session, id)
    summary = summaries.read(session, id, kind)
    if summary is not None:
        return summary
    if row.state is ComparisonState.RUNNING:
        raise NotFound("This is worked out when every number of the comparison is there.")
    raise NotFound("This comparison ended before such tables were made, or was stopped; ask for it again.")


def profile(session: Session, id: int, measure: str, *, layer: str | None = None) -> Profile:
    """One measure of models, layer by layer."""
    asked = measures.find(session, id, measure, layer=layer)
    cells = matrices.cells_of_models(session, asked.question.id, asked.ids)
    nothing = measures.reason_of_nothing(asked.comparison.state)
    tables = {i: _table(cells.get(i)) for i in asked.ids}
    layers = list(dict.fromkeys(name for table in tables.values() for name in table))
    if not layers:
        cell = next(iter(cells.values()), nothing)
        why = "It has no table of layers here." if isinstance(cell, Estimate) else cell.sentence
        raise Unprocessable(f"{asked.card.slug}: {why}")
    grids = {key: np.full((len(asked.ids), len(layers)), np.nan) for key in ("value", "half_width")}
    missing = []
    absent = Reason(why=Why.NOT_APPLICABLE, sentence="This model has no such layer, or no number for it.")
    for row, i in enumerate(asked.ids):
        cell = cells.get(i, nothing)
        reason = cell if isinstance(cell, Reason) else absent
        for column, name in enumerate(layers):
            known = tables[i].get(name, {})
            for key in known:
                grids[key][row, column] = known[key]
            if "value" not in known:
                missing.append(MissingCell(row=row, column=column, why=reason.why, sentence=reason.sentence))
    return Profile(
        measure=asked.name,
        slug=asked.card.slug,
        ids=asked.ids,
        labels=asked.labels,
        layers=layers,
        values=Numbers.of(grids["value"]),
        half_widths=Numbers.of(grids["half_width"]),
        missing=missing,
    )


def _table(cell: Cell | None) -> dict[str, dict[str, float]]:
    """Numbers by layer of one cell."""
    series = cell.series if isinstance(cell, Estimate) else {}
    if "layer" not in series or "value" not in series:
        return {}
    halves = series.get("half_width", (None,) * len(series["layer"]))
    return {
        str(name): {k: float(v) for k, v in (("value", value), ("half_width", half)) if v is not None}
        for name, value, half in zip(series["layer"], series["value"], halves, strict=True)
    }
