"""Looking after an installation."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from kinscape.backend.actions import housekeeping
from kinscape.backend.api.parts import Paged, Transaction, parts_of
from kinscape.backend.contracts.housekeeping import Event, Reclaimed

router = APIRouter(tags=["housekeeping"])
Trial = Annotated[bool, Query(description="Count what would be removed, and remove nothing.")]


@router.post("/housekeeping/collect")
def collect(session: Transaction, request: Request, *, dry_run: Trial = False) -> Reclaimed:
    """Remove files, rows and cache that nothing needs any more; done by itself every hour."""
    parts = parts_of(request)
    found = housekeeping.collect(session, parts.files, cache_bytes=parts.settings.cache_disk_bytes, is_trial=dry_run)
    if dry_run:
        session.rollback()
    return found


@router.get("/housekeeping/events")
def changes(session: Transaction, page: Paged) -> list[Event]:
    """Who changed what, newest first: made, shared, revoked, deleted, restored."""
    return page.of(housekeeping.changes(session, page.window))
