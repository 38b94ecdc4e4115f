"""cells become arrays, a row for each checkpoint of a question; jobs become records.

Revision: 0003
Before: 0002
"""

import json
import math
import struct
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

JSONB = postgresql.JSONB(astext_type=sa.Text())
NAN = float("nan")
ROWS_AT_ONCE = 500


def upgrade() -> None:
    op.create_table(
        "matrix_rows",
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("checkpoint_id", sa.BigInteger(), nullable=False),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        *[
            sa.Column(n, sa.LargeBinary(), nullable=False)
            for n in ("partners", "numbers", "low", "high", "chance", "samples", "told")
        ],
        sa.Column("texts", JSONB, nullable=False),
        sa.Column("groups", sa.BigInteger(), nullable=False),
        sa.Column("deviations", sa.LargeBinary(), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_matrix_rows_checkpoint_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_matrix_rows_question_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("question_id", "checkpoint_id", "is_first", name=op.f("pk_matrix_rows")),
    )
    op.create_index(op.f("ix_matrix_rows_checkpoint_id"), "matrix_rows", ["checkpoint_id"])
    # Differences of floats hardly compress: trying would cost more than it saves.
    op.execute("ALTER TABLE matrix_rows ALTER COLUMN deviations SET STORAGE EXTERNAL")
    op.create_table(
        "cell_details",
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("a_id", sa.BigInteger(), nullable=False),
        sa.Column("b_id", sa.BigInteger(), nullable=False),
        sa.Column("monte_carlo_error", sa.Double(), nullable=True),
        sa.Column("notes", JSONB, server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("series", JSONB, server_default=sa.text("'{}'::jsonb"), nullable=False),
        *[
            sa.ForeignKeyConstraint([n], [f"{table}.id"], name=op.f(f"fk_cell_details_{n}"), ondelete="CASCADE")
            for n, table in (("question_id", "questions"), ("a_id", "checkpoints"), ("b_id", "checkpoints"))
        ],
        sa.PrimaryKeyConstraint("question_id", "a_id", "b_id", name=op.f("pk_cell_details")),
    )
    op.create_index(op.f("ix_cell_details_a_id"), "cell_details", ["a_id"])
    op.create_index(op.f("ix_cell_details_b_id"), "cell_details", ["b_id"])
    connection = op.get_bind()
    _pack_cells(connection)
    op.drop_table("cells")
    _jobs_to_records(connection)


def downgrade() -> None:
    connection = op.get_bind()
    _create_cells()
    _unpack_cells(connection)
    op.drop_table("cell_details")
    op.drop_table("matrix_rows")
    _jobs_to_bags(connection)


def _create_cells() -> None:
    op.create_table(
        "cells",
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("a_id", sa.BigInteger(), nullable=False),
        sa.Column("b_id", sa.BigInteger(), nullable=False),
        *[sa.Column(n, sa.Double(), nullable=True) for n in ("value", "low", "high")],
        sa.Column("n", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rest", JSONB, server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("replicates", sa.LargeBinary(), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("sentence", sa.String(), server_default="", nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *[
            sa.ForeignKeyConstraint([n], [f"{table}.id"], name=op.f(f"fk_cells_{n}"), ondelete="CASCADE")
            for n, table in (("question_id", "questions"), ("a_id", "checkpoints"), ("b_id", "checkpoints"))
        ],
        sa.PrimaryKeyConstraint("question_id", "a_id", "b_id", name=op.f("pk_cells")),
    )
    op.create_index(op.f("ix_cells_a_id"), "cells", ["a_id"])
    op.create_index(op.f("ix_cells_b_id"), "cells", ["b_id"])


def _pack_cells(connection: sa.Connection) -> None:
    cells = sa.table(
        "cells",
        *[
            sa.column(n)
            for n in (
                "question_id",
                "a_id",
                "b_id",
                "value",
                "low",
                "high",
                "n",
                "rest",
                "replicates",
                "why",
                "sentence",
            )
        ],
    )
    for (question,) in connection.execute(sa.text("SELECT DISTINCT question_id FROM cells ORDER BY 1")).all():
        rows: dict[tuple[int, bool], list[Any]] = {}
        found = connection.execute(sa.select(cells).where(cells.c.question_id == question)).all()
        for cell in found:
            later = max(cell.a_id, cell.b_id)
            rows.setdefault((later, cell.a_id == later and cell.a_id != cell.b_id), []).append(cell)
        for part in _parts([_row(question, key, some) for key, some in sorted(rows.items())]):
            connection.execute(_matrix_rows().insert(), part)
        for part in _parts([d for d in map(_detail, found) if d is not None]):
            connection.execute(_cell_details().insert(), part)


def _matrix_rows() -> Any:
    names = (
        "question_id",
        "checkpoint_id",
        "is_first",
        "partners",
        "numbers",
        "low",
        "high",
        "chance",
        "samples",
        "told",
        "groups",
        "deviations",
    )
    return sa.table("matrix_rows", *[sa.column(n) for n in names], sa.column("texts", JSONB))


def _cell_details() -> Any:
    names = ("question_id", "a_id", "b_id", "monte_carlo_error")
    return sa.table(
        "cell_details", *[sa.column(n) for n in names], sa.column("notes", JSONB), sa.column("series", JSONB)
    )


def _row(question: int, key: tuple[int, bool], cells: list[Any]) -> dict[str, Any]:
    later, is_first = key
    texts: dict[str, int] = {}
    told, deviations = [], array("f")
    cells = sorted(cells, key=lambda c: min(c.a_id, c.b_id))
    replicates = [struct.unpack(f"<{len(c.replicates or b'') // 8}d", c.replicates or b"") for c in cells]
    groups = max(map(len, replicates), default=0)
    for cell, left_out in zip(cells, replicates, strict=True):
        told.append(texts.setdefault(json.dumps(_text(cell), sort_keys=True), len(texts)))
        value = NAN if cell.value is None else cell.value
        deviations.extend([r - value for r in left_out] or [NAN] * groups)
    return {
        "question_id": question,
        "checkpoint_id": later,
        "is_first": is_first,
        "partners": _packed("<q", [c.b_id if c.a_id == later else c.a_id for c in cells]),
        "numbers": _packed("<d", [c.value for c in cells]),
        "low": _packed("<d", [c.low for c in cells]),
        "high": _packed("<d", [c.high for c in cells]),
        "chance": _packed("<d", [(c.rest or {}).get("notes", {}).get("chance") for c in cells]),
        "samples": _packed("<i", [c.n for c in cells]),
        "told": _packed("<i", told),
        "texts": [json.loads(t) for t in texts],
        "groups": groups,
        "deviations": _packed("<f", deviations),
    }


def _packed(code: str, values: Iterable[Any]) -> bytes:
    numbers = [NAN if v is None else v for v in values]
    return struct.pack(f"{code[0]}{len(numbers)}{code[1]}", *numbers)


def _text(cell: Any) -> dict[str, Any]:
    if cell.value is None:
        return {"kind": "reason", "why": cell.why or "failed", "sentence": cell.sentence}
    rest = cell.rest or {}
    return {
        "kind": "provenance",
        "interval": rest.get("interval") or None,
        "method": rest.get("method") or "",
        "warning": rest.get("warning") or "",
    }


def _detail(cell: Any) -> dict[str, Any] | None:
    rest = cell.rest or {}
    notes = {k: v for k, v in rest.get("notes", {}).items() if k != "chance"}
    series, error = rest.get("series", {}), rest.get("monte_carlo_error")
    if cell.value is None or not (notes or series or error is not None):
        return None
    return {
        "question_id": cell.question_id,
        "a_id": cell.a_id,
        "b_id": cell.b_id,
        "monte_carlo_error": error,
        "notes": notes,
        "series": series,
    }


def _parts(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[start : start + ROWS_AT_ONCE]


def _unpack_cells(connection: sa.Connection) -> None:
    names = ("question_id", "a_id", "b_id", "value", "low", "high", "n", "replicates", "why", "sentence")
    cells = sa.table("cells", *[sa.column(n) for n in names], sa.column("rest", JSONB))
    known = set(connection.execute(sa.text("SELECT id FROM checkpoints")).scalars())
    for (question,) in connection.execute(sa.text("SELECT DISTINCT question_id FROM matrix_rows ORDER BY 1")).all():
        table, details = _matrix_rows(), _cell_details()
        more = {
            (d.a_id, d.b_id): d for d in connection.execute(sa.select(details).where(details.c.question_id == question))
        }
        for row in connection.execute(sa.select(table).where(table.c.question_id == question)).all():
            # A row may still name checkpoints that were deleted since.
            found = [c for c in _cells_of(row, more) if {c["a_id"], c["b_id"]} <= known]
            for part in _parts(found):
                connection.execute(cells.insert(), part)


def _cells_of(row: Any, details: dict[tuple[int, int], Any]) -> Iterator[dict[str, Any]]:
    partners = struct.unpack(f"<{len(row.partners) // 8}q", row.partners)
    numbers = {n: struct.unpack(f"<{len(partners)}d", getattr(row, n)) for n in ("numbers", "low", "high", "chance")}
    samples, told = (struct.unpack(f"<{len(partners)}i", getattr(row, n)) for n in ("samples", "told"))
    deviations = struct.unpack(f"<{len(partners) * row.groups}f", row.deviations)
    for k, partner in enumerate(partners):
        a, b = (row.checkpoint_id, partner) if row.is_first else (partner, row.checkpoint_id)
        text = row.texts[told[k]]
        cell: dict[str, Any] = {"question_id": row.question_id, "a_id": a, "b_id": b, "n": samples[k], "rest": {}}
        blank = {"value": None, "low": None, "high": None, "replicates": None, "why": None, "sentence": ""}
        if text["kind"] == "reason":
            yield {**cell, **blank, "why": text["why"], "sentence": text["sentence"]}
            continue
        value, low, high, chance = (numbers[n][k] for n in ("numbers", "low", "high", "chance"))
        detail = details.get((a, b))
        notes = {} if detail is None else dict(detail.notes)
        if not math.isnan(chance):
            notes["chance"] = chance
        rest = {
            "interval": text["interval"],
            "method": text["method"],
            "warning": text["warning"],
            "monte_carlo_error": None if detail is None else detail.monte_carlo_error,
            "notes": notes,
            "series": {} if detail is None else detail.series,
        }
        own = [value + d for d in deviations[k * row.groups : (k + 1) * row.groups] if not math.isnan(d)]
        yield {
            **cell,
            **blank,
            "value": value,
            "low": None if math.isnan(low) else low,
            "high": None if math.isnan(high) else high,
            "rest": rest,
            "replicates": _packed("<d", own) if own else None,
        }


def _jobs() -> Any:
    return sa.table("jobs", sa.column("id"), sa.column("kind"), sa.column("payload", JSONB))


def _jobs_to_records(connection: sa.Connection) -> None:
    jobs = _jobs()
    for job in connection.execute(sa.select(jobs)).all():
        kind, payload = job.kind, job.payload
        if kind == "order":
            kind = "summarise"
        elif kind == "inspect":
            kind = "inspect-checkpoint"
            if "probe" in payload:
                kind = "add-builtin" if "builtin" in payload else "inspect-probe"
            payload = {k: v for k, v in payload.items() if k != "builtin"}
        elif kind == "tile":
            payload = {"parts": [_part(p) for p in payload.get("work", []) if p["pairs"]]}
        if (kind, payload) != (job.kind, job.payload):
            connection.execute(jobs.update().where(jobs.c.id == job.id).values(kind=kind, payload=payload))


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """The rows and members among which all of its pairs lie."""
    rows = sorted({max(p) for p in part["pairs"]})
    members = sorted({i for p in part["pairs"] for i in p})
    return {"question": part["question"], "rows": rows, "members": members}


def _jobs_to_bags(connection: sa.Connection) -> None:
    jobs = _jobs()
    directed = set(
        connection.execute(
            sa.text("SELECT q.id FROM questions q JOIN cards c ON c.slug = q.slug WHERE c.card->>'symmetric' = 'false'")
        ).scalars()
    )
    for job in connection.execute(sa.select(jobs)).all():
        kind, payload = job.kind, job.payload
        if kind == "summarise":
            kind = "order"
        elif kind == "add-builtin":
            kind, payload = "inspect", {**payload, "builtin": "digits"}
        elif kind in ("inspect-checkpoint", "inspect-probe"):
            kind = "inspect"
        elif kind == "tile":
            payload = {"work": [_pairs(p, both_ways=p["question"] in directed) for p in payload["parts"]]}
        if (kind, payload) != (job.kind, job.payload):
            connection.execute(jobs.update().where(jobs.c.id == job.id).values(kind=kind, payload=payload))


def _pairs(part: dict[str, Any], *, both_ways: bool) -> dict[str, Any]:
    pairs = [(m, r) for r in part["rows"] for m in part["members"] if m < r]
    if both_ways:
        pairs += [(b, a) for a, b in pairs]
    return {"question": part["question"], "pairs": pairs}
