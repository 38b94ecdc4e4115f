"""Tidying up what nothing needs any more, and who changed what."""

from sqlalchemy.orm import Session

from kinscape.backend.contracts.housekeeping import Event, Reclaimed
from kinscape.backend.store import deletion, events, leftovers
from kinscape.backend.store.files import Files
from kinscape.backend.store.pages import EVERYTHING, Listed, Window


def collect(session: Session, files: Files, *, cache_bytes: int, is_trial: bool = False) -> Reclaimed:
    """Remove what nothing needs any more; young files stay, since what refers to them may be on its way.

    Args:
        cache_bytes: outputs and features that workers keep on disk; the oldest beyond go.
        is_trial: count alone; whoever asks rolls back.
    """
    rows = {
        "deleted": deletion.forget(session),
        "jobs": leftovers.forget_jobs(session),
        "questions": leftovers.forget_questions(session),
    }
    events.forget(session)
    session.flush()
    stray = files.stray(needed=leftovers.needed_files(session), uploads=leftovers.open_uploads(session))
    old = files.beyond(cache_bytes)
    # A file that somebody is about to use again, or that is gone already, does not count.
    gone = [size for path, size in stray if is_trial or files.discard(path)]
    cached = [size for path, size in old if is_trial or files.discard(path)]
    return Reclaimed(
        is_trial=is_trial,
        files=len(gone),
        file_bytes=sum(gone),
        cached=len(cached),
        cached_bytes=sum(cached),
        **rows,
    )


def changes(session: Session, window: Window = EVERYTHING) -> Listed[Event]:
    """Who changed what, newest first."""
    return events.every(session, window).made(
        lambda rows: [Event.model_validate(row, from_attributes=True) for row in rows]
    )
