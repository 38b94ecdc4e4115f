"""Uploads on their way in: rows."""

import datetime as dt
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.contracts.uploads import UploadKind
from kinscape.backend.store.tables import CheckpointRow, ProbeRow, UploadRow

# An upload that broke off can be resumed until the next day.
LIFETIME = dt.timedelta(days=1)
# A lock of its own: two uploads that begin at once must not be promised the same room.
PROMISES = 0x6B696E73


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


def promised_bytes(session: Session) -> int:
    """Room that uploads under way will still take; whoever asks holds the promise until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(PROMISES)))
    rest = func.coalesce(func.sum(UploadRow.size_bytes - UploadRow.offset_bytes), 0)
    return int(session.scalar(select(rest).where(UploadRow.finished_id.is_(None))) or 0)


def held_bytes(session: Session, project: int | None) -> int:
    """Bytes of the checkpoints that are there, and of uploads under way; of one project, or of all."""
    there = select(func.sum(CheckpointRow.size_bytes)).where(CheckpointRow.deleted.is_(None))
    coming = select(func.sum(UploadRow.size_bytes)).where(UploadRow.finished_id.is_(None))
    if project is not None:
        there = there.where(CheckpointRow.project_id == project)
        coming = coming.where(UploadRow.project_id == project)
    return int(session.scalar(there) or 0) + int(session.scalar(coming) or 0)


def under_way(session: Session, project: int) -> int:
    """How many uploads of a project have begun and not ended."""
    query = select(func.count()).where(UploadRow.project_id == project, UploadRow.finished_id.is_(None))
    return int(session.scalar(query) or 0)


def probe_files(session: Session, project: int | None) -> list[str]:
    """Hashes of the files of probe sets that are there; of one project, or of all."""
    query = select(func.coalesce(ProbeRow.upload_hash, ProbeRow.file_hash)).where(ProbeRow.deleted.is_(None))
    if project is not None:
        query = query.where(ProbeRow.project_id == project)
    return [digest for digest in session.scalars(query) if digest]


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
