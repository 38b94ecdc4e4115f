"""What nothing refers to any more: stored files, finished jobs, numbers that no comparison asks for."""

import datetime as dt

from sqlalchemy import delete, exists, func, not_, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from kinscape.backend.contracts.jobs import OPEN
from kinscape.backend.contracts.uploads import State
from kinscape.backend.store.deletion import KEPT
from kinscape.backend.store.tables import (
    CheckpointRow,
    ComparisonJobRow,
    ComparisonQuestionRow,
    JobRow,
    MatrixRow,
    ProbeRow,
    QuestionRow,
    UploadRow,
)

# So long the bytes of a refused file stay, for who wants to name its architecture after all.
REFUSED_KEPT = dt.timedelta(days=1)


def needed_files(session: Session) -> set[str]:
    """Hashes of the stored files that a checkpoint or a probe set needs, deleted ones that can be restored too."""
    graph = type_coerce(CheckpointRow.facts, JSONB)["graph"].astext
    found: set[str] = set()
    for kind, columns in (
        (CheckpointRow, (CheckpointRow.upload_hash, CheckpointRow.file_hash, graph)),
        (ProbeRow, (ProbeRow.upload_hash, ProbeRow.file_hash)),
    ):
        is_long_refused = (kind.state == State.REFUSED) & (kind.created < func.now() - REFUSED_KEPT)
        for row in session.execute(select(*columns).where(not_(is_long_refused))):
            found.update(digest for digest in row if digest)
    return found


def open_uploads(session: Session) -> set[str]:
    """Tokens of the uploads on their way in."""
    return set(session.scalars(select(UploadRow.token)))


def forget_jobs(session: Session) -> int:
    """Remove jobs that ended long ago and that no comparison shows; how many."""
    is_shown = exists().where(ComparisonJobRow.job_id == JobRow.id)
    old = delete(JobRow).where(JobRow.state.not_in(OPEN), JobRow.finished < func.now() - KEPT, not_(is_shown))
    return len(session.scalars(old.returning(JobRow.id)).all())


def forget_questions(session: Session) -> int:
    """Remove questions, with their numbers, that no comparison asks and that are old; how many."""
    is_asked = exists().where(ComparisonQuestionRow.question_id == QuestionRow.id)
    is_new = exists().where(MatrixRow.question_id == QuestionRow.id, MatrixRow.updated > func.now() - KEPT)
    has_numbers = exists().where(MatrixRow.question_id == QuestionRow.id)
    old = delete(QuestionRow).where(not_(is_asked), not_(is_new), has_numbers).returning(QuestionRow.id)
    return len(session.scalars(old).all())
