"""Hashes and sketches of tensors."""

from collections.abc import Sequence

from sqlalchemy import select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from kinscape.backend.contracts.fingerprints import Fingerprint
from kinscape.backend.contracts.jobs import JobKind
from kinscape.backend.contracts.uploads import State
from kinscape.backend.store.tables import CheckpointRow, FingerprintRow, JobRow


def put(session: Session, checkpoint: int, fingerprint: Fingerprint) -> None:
    """Keep that of a checkpoint; the last one counts."""
    values = {"hashes": fingerprint.hashes, "sketch": fingerprint.sketch}
    statement = insert(FingerprintRow).values(checkpoint_id=checkpoint, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["checkpoint_id"], set_=values))


def of_project(session: Session, project: int) -> dict[int, Fingerprint]:
    """Those of a project's ready checkpoints, by number."""
    query = (
        select(FingerprintRow.checkpoint_id, FingerprintRow.hashes, FingerprintRow.sketch)
        .join(CheckpointRow, CheckpointRow.id == FingerprintRow.checkpoint_id)
        .where(
            CheckpointRow.project_id == project,
            CheckpointRow.state == State.READY,
            CheckpointRow.deleted.is_(None),
        )
        .order_by(FingerprintRow.checkpoint_id)
    )
    return {row.checkpoint_id: Fingerprint(row.hashes, row.sketch) for row in session.execute(query)}


def missing(session: Session, *, most: int) -> Sequence[int]:
    """Ready checkpoints without one for which no job was ever made: those of before there were any."""
    has = select(FingerprintRow.checkpoint_id)
    tried = select(type_coerce(JobRow.payload, JSONB)["checkpoint"].as_integer()).where(
        JobRow.kind == JobKind.FINGERPRINT
    )
    query = select(CheckpointRow.id).where(
        CheckpointRow.state == State.READY,
        CheckpointRow.deleted.is_(None),
        CheckpointRow.file_hash.is_not(None),
        CheckpointRow.id.not_in(has),
        CheckpointRow.id.not_in(tried),
    )
    return session.scalars(query.order_by(CheckpointRow.id).limit(most)).all()
