"""What goes together in a comparison, and what its models are like layer by layer."""

from typing import Any

from sqlalchemy.orm import Session

from backend.actions.reading import open_measure, reason_of
from backend.contracts.associations import Agreements, Associations
from backend.contracts.comparisons import MissingCell, Numbers, Profile
from backend.contracts.problems import NotFound, Unprocessable
from backend.store import cells, comparisons, summaries
from backend.store.tables import CellRow

NAN = float("nan")


def associations(session: Session, id: int) -> Associations:
    """Every measure of models against every outcome."""
    return Associations.model_validate(_summary(session, id, "associations"))


def agreements(session: Session, id: int) -> Agreements:
    """How far the measures of pairs tell the same."""
    return Agreements.model_validate(_summary(session, id, "agreements"))


def _summary(session: Session, id: int, kind: str) -> dict[str, Any]:
    row = comparisons.comparison(session, id)
    found = summaries.read(session, id, kind)
    if found is not None:
        return found
    if row.state == "running":
        raise NotFound("This is worked out when every number of the comparison is there.")
    raise NotFound("This comparison ended before such tables were made, or was stopped; ask for it again.")


def profile(session: Session, id: int, measure: str, *, layer: str | None = None) -> Profile:
    """One measure of models, layer by layer."""
    opened = open_measure(session, id, measure, layer=layer, other=None)
    found = {c.a_id: c for c in cells.cells(session, opened.question.id, opened.ids) if c.a_id == c.b_id}
    tables = {i: _table(found.get(i)) for i in opened.ids}
    layers = list(dict.fromkeys(name for table in tables.values() for name in table))
    if not layers:
        cell = next(iter(found.values()), None)
        why = "It has no table of layers here." if cell is not None and cell.value is not None else ""
        raise Unprocessable(f"{opened.card.slug}: {why or reason_of(cell, opened.comparison)[1]}")
    grids = {"value": [], "half_width": []}  # type: dict[str, list[list[float]]]
    missing = []
    for row, i in enumerate(opened.ids):
        for key, rows in grids.items():
            rows.append([tables[i].get(name, {}).get(key, NAN) for name in layers])
        cell = found.get(i)
        why, sentence = "not-applicable", "This model has no such layer, or no number for it."
        if cell is None or cell.value is None:
            why, sentence = reason_of(cell, opened.comparison)
        missing += [
            MissingCell(row=row, column=column, why=why, sentence=sentence)
            for column, name in enumerate(layers)
            if "value" not in tables[i].get(name, {})
        ]
    return Profile(
        measure=opened.name, slug=opened.card.slug, ids=opened.ids, labels=opened.labels, layers=layers,
        values=Numbers.of(grids["value"]), half_widths=Numbers.of(grids["half_width"]), missing=missing,
    )  # fmt: skip


def _table(cell: CellRow | None) -> dict[str, dict[str, float]]:
    """Numbers by layer of one cell."""
    series = {} if cell is None or cell.value is None else cell.rest.get("series", {})
    if "layer" not in series or "value" not in series:
        return {}
    halves = series.get("half_width", [None] * len(series["layer"]))
    out: dict[str, dict[str, float]] = {}
    for name, value, half in zip(series["layer"], series["value"], halves, strict=True):
        numbers = {"value": value, "half_width": half}
        out[name] = {key: number for key, number in numbers.items() if number is not None}
    return out
