"""Cells of questions: a row of arrays for each checkpoint, written and read whole."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Text, and_, cast, func, literal_column, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer

from kinscape.backend.contracts.cell_arrays import Cells, Ints, among, is_lasting, joined, merged
from kinscape.backend.contracts.cells import Cell, Detail, Told
from kinscape.backend.store.tables import CellDetailRow, MatrixRow

# Arrays of one statement stay below some ten megabytes for a thousand checkpoints with intervals.
ROWS_PER_STATEMENT = 100
TEXTS = TypeAdapter(list[Told])
# Plain columns: hundreds of rows as objects take longer than their numbers do.
_COLUMNS = (
    MatrixRow.checkpoint_id,
    MatrixRow.is_first,
    MatrixRow.partners,
    MatrixRow.values,
    MatrixRow.low,
    MatrixRow.high,
    MatrixRow.chance,
    MatrixRow.samples,
    MatrixRow.told,
    cast(MatrixRow.texts, Text).label("texts"),
    MatrixRow.groups,
)


def write(session: Session, question_id: int, cells: Cells) -> None:
    """Store cells, replacing what was there; all of them or none."""
    parts = {key: part.without_unused_texts() for key, part in cells.by_row()}
    keys = list(parts)
    there: list[tuple[int, bool]] = []
    for start in range(0, len(keys), ROWS_PER_STATEMENT):
        some = keys[start : start + ROWS_PER_STATEMENT]
        fresh = [
            {"question_id": question_id, "checkpoint_id": k[0], "is_first": k[1], **_packed(parts[k], k[0])}
            for k in some
        ]
        statement = insert(MatrixRow).values(fresh).on_conflict_do_nothing()
        made = session.execute(statement.returning(MatrixRow.checkpoint_id, MatrixRow.is_first)).all()
        there += set(some) - {(id, first) for id, first in made}
    for row in _locked(session, question_id, there):
        both = merged(_unpacked(row, with_replicates=True), parts[row.checkpoint_id, row.is_first])
        for name, value in _packed(both, row.checkpoint_id).items():
            setattr(row, name, value)
    session.flush()
    _write_details(session, question_id, cells)


def _locked(session: Session, question_id: int, keys: Sequence[tuple[int, bool]]) -> list[MatrixRow]:
    if not keys:
        return []
    query = (
        select(MatrixRow)
        .where(MatrixRow.question_id == question_id, tuple_(MatrixRow.checkpoint_id, MatrixRow.is_first).in_(keys))
        .order_by(MatrixRow.checkpoint_id, MatrixRow.is_first)
        .options(undefer(MatrixRow.deviations))
        .with_for_update()
    )
    return list(session.scalars(query))


def _packed(cells: Cells, later: int) -> dict[str, Any]:
    """The columns of a row."""
    deviations = cells.replicates - cells.values[:, None]
    return {
        "partners": np.where(cells.a == later, cells.b, cells.a).astype("<i8").tobytes(),
        **{name: getattr(cells, name).astype("<f8").tobytes() for name in ("values", "low", "high", "chance")},
        "samples": cells.samples.astype("<i4").tobytes(),
        "told": cells.told.astype("<i4").tobytes(),
        "texts": list(cells.texts),
        "groups": cells.replicates.shape[1],
        "deviations": deviations.astype("<f4").tobytes(),
    }


def _unpacked(row: Any, *, with_replicates: bool) -> Cells:
    """The cells of a row."""
    partners = np.frombuffer(row.partners, "<i8").astype(np.int64)
    own = np.full_like(partners, row.checkpoint_id)
    values = np.frombuffer(row.values, "<f8")
    replicates = np.empty((len(partners), 0))
    if with_replicates:
        deviations = np.frombuffer(row.deviations, "<f4").reshape(len(partners), row.groups)
        replicates = values[:, None] + deviations.astype(np.float64)
    return Cells(
        a=own if row.is_first else partners,
        b=partners if row.is_first else own,
        values=values,
        low=np.frombuffer(row.low, "<f8"),
        high=np.frombuffer(row.high, "<f8"),
        chance=np.frombuffer(row.chance, "<f8"),
        samples=np.frombuffer(row.samples, "<i4").astype(np.int64),
        told=np.frombuffer(row.told, "<i4").astype(np.int64),
        texts=tuple(row.texts),
        replicates=replicates,
    )


def _write_details(session: Session, question_id: int, cells: Cells) -> None:
    rows = [
        {
            "question_id": question_id,
            "a_id": int(cells.a[k]),
            "b_id": int(cells.b[k]),
            "monte_carlo_error": detail.monte_carlo_error,
            "notes": detail.notes,
            "series": detail.series,
        }
        for k, detail in cells.details.items()
    ]
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        statement = insert(CellDetailRow).values(rows[start : start + ROWS_PER_STATEMENT])
        fresh = {name: statement.excluded[name] for name in ("monte_carlo_error", "notes", "series")}
        session.execute(statement.on_conflict_do_update(index_elements=["question_id", "a_id", "b_id"], set_=fresh))


def cells(session: Session, question_id: int, checkpoints: Sequence[int], *, with_replicates: bool = False) -> Cells:
    """All cells of a question among these checkpoints, without the details of single ones."""
    query = (
        select(*_COLUMNS, *([MatrixRow.deviations] if with_replicates else []))
        .where(MatrixRow.question_id == question_id, MatrixRow.checkpoint_id.in_(checkpoints))
        .order_by(MatrixRow.checkpoint_id, MatrixRow.is_first)
    )
    rows = session.execute(query).all()
    whole = _unpacked_together(rows, with_replicates=with_replicates)
    ids = np.array(checkpoints, dtype=np.int64)
    inside = np.isin(whole.a, ids) & np.isin(whole.b, ids)
    return whole if inside.all() else whole.take(inside)


def stamp(session: Session, question_ids: Sequence[int], checkpoints: Sequence[int]) -> str:
    """What changes whenever a cell of these questions among these checkpoints is written."""
    # The transaction that wrote a row last; Postgres keeps it with the row.
    writer = cast(cast(literal_column("matrix_rows.xmin"), Text), BigInteger)
    query = select(func.count(), func.max(writer)).where(
        MatrixRow.question_id.in_(question_ids), MatrixRow.checkpoint_id.in_(checkpoints)
    )
    count, newest = session.execute(query).one()
    return f"{count}:{newest}"


def _unpacked_together(rows: Sequence[Any], *, with_replicates: bool) -> Cells:
    """The cells of many rows at once: a matrix of hundreds of checkpoints is read in a tenth of a second."""
    if not rows:
        return Cells.of({})

    def column(name: str, kind: str) -> Any:
        return np.frombuffer(b"".join(getattr(row, name) for row in rows), kind)

    lengths = [len(row.partners) // 8 for row in rows]
    partners = column("partners", "<i8").astype(np.int64)
    later = np.repeat(np.array([row.checkpoint_id for row in rows], dtype=np.int64), lengths)
    first = np.repeat(np.array([row.is_first for row in rows]), lengths)
    texts: dict[Told, int] = {}
    # Rows of one matrix mostly tell the same: each document is read once.
    codes = {document: _codes(document, texts) for document in {row.texts for row in rows}}
    starts = np.cumsum([0, *[len(codes[row.texts]) for row in rows]])
    placed = np.concatenate([codes[row.texts] for row in rows])
    told = placed[column("told", "<i4") + np.repeat(starts[:-1], lengths)]
    values = column("values", "<f8")
    return Cells(
        a=np.where(first, later, partners),
        b=np.where(first, partners, later),
        values=values,
        low=column("low", "<f8"),
        high=column("high", "<f8"),
        chance=column("chance", "<f8"),
        samples=column("samples", "<i4").astype(np.int64),
        told=told,
        texts=tuple(texts),
        replicates=_replicates(rows, lengths, values) if with_replicates else np.empty((len(values), 0)),
    )


def _codes(document: str, texts: dict[Told, int]) -> Ints:
    """Positions in ``texts``, which grows, of the texts of a row."""
    return np.array([texts.setdefault(text, len(texts)) for text in TEXTS.validate_json(document)], dtype=np.int64)


def _replicates(rows: Sequence[Any], lengths: Sequence[int], values: Any) -> Any:
    """``(cells, groups)``, NaN where a row has fewer groups than another."""
    out = np.full((len(values), max(row.groups for row in rows)), np.nan)
    start = 0
    for row, length in zip(rows, lengths, strict=True):
        deviations = np.frombuffer(row.deviations, "<f4").reshape(length, row.groups)
        out[start : start + length, : row.groups] = values[start : start + length, None] + deviations.astype(np.float64)
        start += length
    return out


def cells_of_pair(session: Session, question_ids: Sequence[int], a: int, b: int) -> dict[int, Cells]:
    """By question, the cells of a pair in either direction, whole."""
    query = (
        select(MatrixRow)
        .where(MatrixRow.question_id.in_(question_ids), MatrixRow.checkpoint_id == max(a, b))
        .options(undefer(MatrixRow.deviations))
    )
    parts: dict[int, list[Cells]] = {}
    for row in session.scalars(query):
        part = _unpacked(row, with_replicates=True)
        is_pair = (np.minimum(part.a, part.b) == min(a, b)) & (np.maximum(part.a, part.b) == max(a, b))
        parts.setdefault(row.question_id, []).append(part.take(is_pair))
    found = {question: joined(some) for question, some in parts.items()}
    ways = or_(*[and_(CellDetailRow.a_id == x, CellDetailRow.b_id == y) for x, y in ((a, b), (b, a))])
    details = select(CellDetailRow).where(CellDetailRow.question_id.in_(question_ids), ways)
    for detail in session.scalars(details):
        if detail.question_id in found:
            found[detail.question_id] = _with_detail(found[detail.question_id], detail)
    return found


def cells_of_models(
    session: Session, question_id: int, checkpoints: Sequence[int], *, with_replicates: bool = False
) -> dict[int, Cell]:
    """By checkpoint, the cells of a measure of single models, whole but for replicates that nobody asks for."""
    whole = cells(session, question_id, checkpoints, with_replicates=with_replicates)
    query = select(CellDetailRow).where(CellDetailRow.question_id == question_id, CellDetailRow.a_id.in_(checkpoints))
    for detail in session.scalars(query.where(CellDetailRow.a_id == CellDetailRow.b_id)):
        whole = _with_detail(whole, detail)
    return {int(whole.a[k]): whole.cell(k) for k in range(len(whole)) if whole.a[k] == whole.b[k]}


def _with_detail(cells: Cells, row: CellDetailRow) -> Cells:
    detail = Detail(monte_carlo_error=row.monte_carlo_error, notes=row.notes, series=row.series)
    where = np.flatnonzero((cells.a == row.a_id) & (cells.b == row.b_id)).tolist()
    return replace(cells, details={**cells.details, **dict.fromkeys(where, detail)})


def missing(session: Session, question_id: int, a: Ints, b: Ints) -> tuple[Ints, Ints]:
    """Those of some places ``(cells,)`` whose cells are not known, or failed."""
    rows = np.unique(np.maximum(a, b)).tolist()
    columns = (MatrixRow.checkpoint_id, MatrixRow.is_first, MatrixRow.partners, MatrixRow.told, MatrixRow.texts)
    query = select(*columns).where(MatrixRow.question_id == question_id, MatrixRow.checkpoint_id.in_(rows))
    firsts, seconds = [a[:0]], [b[:0]]
    for own, is_first, partners, told, texts in session.execute(query):
        final = np.array([is_lasting(text) for text in texts], dtype=bool)
        others = np.frombuffer(partners, "<i8")[final[np.frombuffer(told, "<i4")]]
        both = (np.full_like(others, own), others)
        firsts.append(both[0] if is_first else both[1])
        seconds.append(both[1] if is_first else both[0])
    new = ~among(a, b, np.concatenate(firsts), np.concatenate(seconds))
    return a[new], b[new]
