"""Comparisons and shares: reading and writing rows."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from backend.contracts.problems import NotFound
from backend.store.tables import ComparisonQuestionRow, ComparisonRow, ShareRow

LIST_LIMIT = 500


def comparison(session: Session, id: int) -> ComparisonRow:
    """The comparison of this number."""
    row = session.get(ComparisonRow, id)
    if row is None:
        raise NotFound(f"There is no comparison {id}.")
    return row


def locked(session: Session, id: int) -> ComparisonRow:
    """The comparison of this number, held until the transaction ends."""
    row = session.scalar(select(ComparisonRow).where(ComparisonRow.id == id).with_for_update())
    if row is None:
        raise NotFound(f"There is no comparison {id}.")
    return row


def with_specification(session: Session, project_id: int, digest: str) -> ComparisonRow | None:
    """The comparison of a project that asked exactly this, if there is one."""
    query = select(ComparisonRow).where(
        ComparisonRow.project_id == project_id, ComparisonRow.specification_hash == digest
    )
    return session.scalar(query)


def comparisons(session: Session, project_id: int) -> list[ComparisonRow]:
    """All comparisons of a project, newest first."""
    query = select(ComparisonRow).where(ComparisonRow.project_id == project_id)
    return list(session.scalars(query.order_by(ComparisonRow.id.desc()).limit(LIST_LIMIT)))


def running(session: Session) -> list[ComparisonRow]:
    """Comparisons that are being computed, newest first."""
    query = select(ComparisonRow).where(ComparisonRow.state == "running")
    return list(session.scalars(query.order_by(ComparisonRow.id.desc()).limit(LIST_LIMIT)))


def ask(session: Session, comparison_id: int, asked: Sequence[tuple[int, str]]) -> None:
    """Attach questions, each with its measure's name, in order."""
    for position, (question, measure) in enumerate(asked):
        session.add(
            ComparisonQuestionRow(comparison_id=comparison_id, question_id=question, measure=measure, position=position)
        )
    session.flush()


def token_hash(token: str) -> str:
    """What is stored of a share's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def share_opened_by(session: Session, token: str) -> ShareRow | None:
    """The share that this token opens now; nothing for wrong, expired and revoked alike."""
    query = select(ShareRow).where(
        ShareRow.token_hash == token_hash(token), ShareRow.revoked.is_(None), ShareRow.expires > func.now()
    )
    return session.scalar(query)


def touch_share(session: Session, id: int) -> None:
    """Remember that a share was used."""
    session.execute(update(ShareRow).where(ShareRow.id == id).values(last_used=func.now()))


def share(session: Session, id: int) -> ShareRow:
    """The share of this number."""
    row = session.get(ShareRow, id)
    if row is None:
        raise NotFound(f"There is no share {id}.")
    return row


def shares(session: Session, comparison_id: int) -> list[ShareRow]:
    """All shares of a comparison, newest first."""
    query = select(ShareRow).where(ShareRow.comparison_id == comparison_id)
    return list(session.scalars(query.order_by(ShareRow.id.desc()).limit(LIST_LIMIT)))
