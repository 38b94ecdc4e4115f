"""Uploads on their way in: rows."""

import datetime as dt
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.contracts.uploads import UploadKind
from kinscape.backend.store.tables import UploadRow

# An upload that broke off can be resumed until the next day.
LIFETIME = dt.timedelta(days=1)


def add(
    session: Session, *, token: str, project_id: int, kind: UploadKind, description: dict[str, Any], size_bytes: int
) -> UploadRow:
    """A new upload of which no byte is here yet."""
    row = UploadRow(
        token=token,
        project_id=project_id,
        kind=kind,
        description=description,
        size_bytes=size_bytes,
        expires=dt.datetime.now(dt.UTC) + LIFETIME,
    )
    session.add(row)
    session.flush()
    return row


def get(session: Session, token: str) -> UploadRow:
    """The upload with this token."""
    row = session.scalar(select(UploadRow).where(UploadRow.token == token)) if token.isalnum() else None
    if row is None:
        raise NotFound("There is no such upload; it may have been cancelled.")
    return row


def locked(session: Session, token: str) -> UploadRow:
    """The upload with this token, held until the transaction ends."""
    row = session.scalar(select(UploadRow).where(UploadRow.token == token).with_for_update())
    if row is None:
        raise NotFound("There is no such upload; it may have been cancelled.")
    return row


def expired(session: Session) -> list[UploadRow]:
    """Unfinished uploads whose time is over."""
    return list(session.scalars(select(UploadRow).where(UploadRow.expires < func.now()).limit(100)))
