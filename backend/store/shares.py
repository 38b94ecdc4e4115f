"""Shares: reading and writing rows."""

import hashlib

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.store.pages import EVERYTHING, Listed, Window, listed
from kinscape.backend.store.tables import ComparisonRow, ShareRow


def token_hash(token: str) -> str:
    """What is stored of a share's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def opened_by(session: Session, token: str) -> ShareRow | None:
    """The share that this token opens now; nothing for wrong, expired and revoked alike."""
    query = (
        select(ShareRow)
        .join(ComparisonRow, ComparisonRow.id == ShareRow.comparison_id)
        .where(
            ShareRow.token_hash == token_hash(token),
            ShareRow.revoked.is_(None),
            ShareRow.expires > func.now(),
            ComparisonRow.deleted.is_(None),
        )
    )
    return session.scalar(query)


def touch(session: Session, id: int) -> None:
    """Remember that a share was used."""
    session.execute(update(ShareRow).where(ShareRow.id == id).values(last_used=func.now()))


def get(session: Session, id: int) -> ShareRow:
    """The share of this number."""
    row = session.get(ShareRow, id)
    if row is None:
        raise NotFound(f"There is no share {id}.")
    return row


def of_comparison(session: Session, comparison_id: int, window: Window = EVERYTHING) -> Listed[ShareRow]:
    """Shares of a comparison, newest first."""
    query = select(ShareRow).where(ShareRow.comparison_id == comparison_id)
    return listed(session, query, ShareRow.id, window)
