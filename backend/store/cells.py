"""Questions and their cells."""

import hashlib
import json
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.contracts.cells import Cell, Estimate, IntervalKind, Reason, Why
from backend.store.tables import CellRow, ComparisonQuestionRow, OrderRow, QuestionRow

Place = tuple[int, int]
BATCH = 1000


def question(session: Session, *, fields: dict[str, Any]) -> QuestionRow:
    """The row of this question, made if it was never asked."""
    key = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    session.execute(insert(QuestionRow).values(key=key, **fields).on_conflict_do_nothing())
    return session.scalars(select(QuestionRow).where(QuestionRow.key == key)).one()


def questions_by_id(session: Session, ids: Iterable[int]) -> dict[int, QuestionRow]:
    """Questions by number."""
    return {q.id: q for q in session.scalars(select(QuestionRow).where(QuestionRow.id.in_(list(ids))))}


def questions_of(session: Session, comparison: int) -> list[tuple[str, QuestionRow]]:
    """The questions of a comparison in its order, each with the measure's name there."""
    query = (
        select(ComparisonQuestionRow.measure, QuestionRow)
        .join(QuestionRow, QuestionRow.id == ComparisonQuestionRow.question_id)
        .where(ComparisonQuestionRow.comparison_id == comparison)
        .order_by(ComparisonQuestionRow.position)
    )
    return [(measure, row) for measure, row in session.execute(query)]


def known_places(session: Session, question_id: int, checkpoints: Sequence[int]) -> set[Place]:
    """Pairs among these checkpoints that have an answer which would not change if asked again."""
    query = select(CellRow.a_id, CellRow.b_id).where(
        CellRow.question_id == question_id,
        CellRow.a_id.in_(checkpoints),
        CellRow.b_id.in_(checkpoints),
        or_(CellRow.why.is_(None), CellRow.why == Why.NOT_APPLICABLE),
    )
    return {(a, b) for a, b in session.execute(query)}


def cells(session: Session, question_id: int, checkpoints: Sequence[int]) -> list[CellRow]:
    """All cells of a question among these checkpoints."""
    query = select(CellRow).where(
        CellRow.question_id == question_id, CellRow.a_id.in_(checkpoints), CellRow.b_id.in_(checkpoints)
    )
    return list(session.scalars(query))


def values(session: Session, question_id: int, checkpoints: Sequence[int]) -> list[tuple[int, int, float]]:
    """The numbers alone of a question among these checkpoints, each with its pair."""
    query = select(CellRow.a_id, CellRow.b_id, CellRow.value).where(
        CellRow.question_id == question_id,
        CellRow.a_id.in_(checkpoints),
        CellRow.b_id.in_(checkpoints),
        CellRow.value.is_not(None),
    )
    return [(a, b, float(value or 0.0)) for a, b, value in session.execute(query)]


def cells_of_pair(session: Session, question_ids: Sequence[int], a: int, b: int) -> list[CellRow]:
    """The cells of a pair, in either direction, for several questions."""
    ways = or_(and_(CellRow.a_id == a, CellRow.b_id == b), and_(CellRow.a_id == b, CellRow.b_id == a))
    return list(session.scalars(select(CellRow).where(CellRow.question_id.in_(question_ids), ways)))


def write(session: Session, question_id: int, found: dict[Place, Cell]) -> None:
    """Store cells, replacing what was there; all of them or none."""
    rows = [_row(question_id, place, cell) for place, cell in sorted(found.items())]
    for start in range(0, len(rows), BATCH):
        statement = insert(CellRow).values(rows[start : start + BATCH])
        fresh = {c: statement.excluded[c] for c in rows[0] if c not in ("question_id", "a_id", "b_id")}
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["question_id", "a_id", "b_id"], set_={**fresh, "created": func.now()}
            )
        )


def _row(question_id: int, place: Place, cell: Cell) -> dict[str, Any]:
    row: dict[str, Any] = {"question_id": question_id, "a_id": place[0], "b_id": place[1]}
    if isinstance(cell, Reason):
        blank: dict[str, Any] = {"value": None, "low": None, "high": None, "n": 0, "rest": {}, "replicates": None}
        return {**row, **blank, "why": str(cell.why), "sentence": cell.sentence}
    rest = {
        "interval": cell.interval, "method": cell.method, "warning": cell.warning,
        "monte_carlo_error": cell.monte_carlo_error, "notes": cell.notes, "series": cell.series,
    }  # fmt: skip
    return {
        **row, "value": cell.value, "low": cell.low, "high": cell.high, "n": cell.n, "rest": rest,
        "replicates": array("d", cell.replicates).tobytes() if cell.replicates else None,
        "why": None, "sentence": "",
    }  # fmt: skip


def as_cell(row: CellRow) -> Cell:
    """A stored cell as the value it is."""
    if row.value is None:
        return Reason(why=Why(row.why or Why.FAILED), sentence=row.sentence)
    kind = row.rest.get("interval")
    return Estimate(
        value=row.value, low=row.low, high=row.high, n=row.n, method=row.rest.get("method", ""),
        interval=IntervalKind(kind) if kind else None, warning=row.rest.get("warning", ""),
        monte_carlo_error=row.rest.get("monte_carlo_error"), notes=row.rest.get("notes", {}),
        series=row.rest.get("series", {}), replicates=tuple(replicates(row)),
    )  # fmt: skip


def replicates(row: CellRow) -> list[float]:
    """The leave-one-group-out values of a cell."""
    values = array("d")
    values.frombytes(row.replicates or b"")
    return list(values)


def write_order(
    session: Session,
    *,
    comparison: int,
    question_id: int,
    positions: list[int],
    merges: list[list[float]],
    places: list[list[float]],
) -> None:
    """Store the seriation of one matrix of a comparison."""
    values = {"positions": positions, "merges": merges, "places": places}
    statement = insert(OrderRow).values(comparison_id=comparison, question_id=question_id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["comparison_id", "question_id"], set_=values))


def order(session: Session, comparison: int, question_id: int) -> OrderRow | None:
    """The stored seriation of one matrix, if it is computed."""
    return session.get(OrderRow, (comparison, question_id))
