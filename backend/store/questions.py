"""Questions: a measure with everything that its numbers depend on, except the checkpoints."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kinscape.backend.contracts.cards import Arity, Card, Input, Role
from kinscape.backend.contracts.cell_arrays import Ints, places
from kinscape.backend.store.tables import ComparisonQuestionRow, OrderRow, QuestionRow


@dataclass(frozen=True)
class Question:
    """A question that may or may not have been asked before."""

    slug: str
    version: int
    arity: Arity
    input: Input
    parameters: dict[str, int | float | str]
    probe_id: int | None
    role: Role
    layer_a: str = ""
    layer_b: str = ""
    reduction: str = ""
    precision: str = ""
    seed: int = 0
    train_probe_id: int | None = None
    reference_ids: tuple[int, ...] = ()

    def fields(self) -> dict[str, Any]:
        """What its key is made of; what only some measures have is left out where it is empty."""
        fields = {**asdict(self), "reference_ids": list(self.reference_ids)}
        return {k: v for k, v in fields.items() if v or k not in ("train_probe_id", "reference_ids")}

    @property
    def key(self) -> str:
        """Equal for equal questions."""
        return hashlib.sha256(json.dumps(self.fields(), sort_keys=True).encode()).hexdigest()


def places_of(
    question: Question | QuestionRow, card: Card, rows: Sequence[int], members: Sequence[int]
) -> tuple[Ints, Ints]:
    """Checkpoints ``(cells,)`` on both sides of every cell between rows and members not later than them."""
    has_own = question.layer_a != question.layer_b or card.identical is None
    return places(card, rows, members, has_own=has_own)


def ids_by_key(session: Session, keys: Iterable[str]) -> dict[str, int]:
    """Numbers of those questions that were asked before."""
    query = select(QuestionRow.key, QuestionRow.id).where(QuestionRow.key.in_(list(keys)))
    return {row.key: row.id for row in session.execute(query)}


def add(session: Session, asked: Sequence[Question]) -> dict[str, int]:
    """Numbers of these questions by key, made where they were never asked."""
    if asked:
        rows = [{"key": q.key, **q.fields()} for q in asked]
        for row in rows:
            # Several rows of one statement have the same columns.
            row.setdefault("train_probe_id", None)
            row.setdefault("reference_ids", [])
        session.execute(insert(QuestionRow).values(rows).on_conflict_do_nothing())
    return ids_by_key(session, [q.key for q in asked])


def by_id(session: Session, ids: Iterable[int]) -> dict[int, QuestionRow]:
    """Questions by number."""
    return {q.id: q for q in session.scalars(select(QuestionRow).where(QuestionRow.id.in_(list(ids))))}


def of_comparison(session: Session, comparison: int) -> list[tuple[str, QuestionRow]]:
    """The questions of a comparison in its order, each with the measure's name there."""
    query = (
        select(ComparisonQuestionRow.measure, QuestionRow)
        .join(QuestionRow, QuestionRow.id == ComparisonQuestionRow.question_id)
        .where(ComparisonQuestionRow.comparison_id == comparison)
        .order_by(ComparisonQuestionRow.position)
    )
    return [(measure, row) for measure, row in session.execute(query)]


def attach(session: Session, comparison: int, asked: Sequence[tuple[int, str]]) -> None:
    """Make questions those of a comparison, each with its measure's name, in order."""
    session.add_all(
        ComparisonQuestionRow(comparison_id=comparison, question_id=question, measure=measure, position=position)
        for position, (question, measure) in enumerate(asked)
    )
    session.flush()


def write_order(session: Session, row: OrderRow) -> None:
    """Store the seriation of one matrix of a comparison, replacing what was there."""
    session.merge(row)


def order(session: Session, comparison: int, question_id: int) -> OrderRow | None:
    """The stored seriation of one matrix, if it is computed."""
    return session.get(OrderRow, (comparison, question_id))
