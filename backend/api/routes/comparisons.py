"""Comparisons: asked for, watched, cancelled."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from kinscape.backend.actions import comparisons, shares
from kinscape.backend.api.parts import Deleted, Opened, Paged, RowId, Transaction, WebParts, parts_of
from kinscape.backend.contracts.comparisons import (
    Comparison,
    ComparisonChange,
    ComparisonCreate,
    ComparisonState,
    Progress,
)
from kinscape.backend.contracts.plans import Plan
from kinscape.backend.contracts.projects import Id
from kinscape.backend.contracts.shares import Share

router = APIRouter(tags=["comparisons"])
# How often a stream looks for news; a page draws at most once a second.
TICK_S = 0.4
# A browser opens a new stream when one ends; this bounds what a forgotten page costs.
LONGEST_STREAM_S = 600


class Addition(BaseModel):
    """Checkpoints to add to a comparison."""

    checkpoints: Annotated[list[Id], Field(min_length=1, max_length=1000)]


def _trace(request: Request) -> str:
    return request.headers.get("x-request-id", "")[:64]


@router.post("/projects/{project}/comparisons/plan")
def plan(session: Transaction, project: RowId, wanted: ComparisonCreate) -> Plan:
    """What a comparison would compute, without asking for it."""
    return comparisons.preview(session, project, wanted)


@router.post("/projects/{project}/comparisons", status_code=201)
def ask(
    session: Transaction, request: Request, response: Response, project: RowId, wanted: ComparisonCreate
) -> Comparison:
    """Ask for a comparison; asked before, it is the same one (200)."""
    row, is_new = comparisons.ask(session, project, wanted, trace=_trace(request))
    response.status_code = 201 if is_new else 200
    return comparisons.get(session, row.id)


@router.get("/projects/{project}/comparisons")
def of_project(session: Transaction, page: Paged, project: RowId, *, deleted: Deleted = False) -> list[Comparison]:
    """Comparisons of a project, newest first; with ``deleted``, those that can be restored."""
    return page.of(comparisons.of_project(session, project, page.window, are_deleted=deleted))


@router.get("/comparisons")
def running(session: Transaction, page: Paged) -> list[Comparison]:
    """Comparisons that are being computed now."""
    return page.of(comparisons.running(session, page.window))


@router.get("/comparisons/{comparison}")
def get(session: Transaction, parts: Opened, request: Request, comparison: RowId) -> Comparison:
    """One comparison with its progress; to who comes with a link, what the link opens of it."""
    asked = comparisons.as_opened(comparisons.get(session, comparison), request.state.principal.share)
    return asked.model_copy(update={"progress": comparisons.waiting_for_room(asked.progress, parts.files)})


@router.patch("/comparisons/{comparison}")
def change(session: Transaction, comparison: RowId, wanted: ComparisonChange) -> Comparison:
    """Rename a comparison, or write notes."""
    return comparisons.change(session, comparison, wanted)


@router.delete("/comparisons/{comparison}", status_code=204)
def delete(session: Transaction, comparison: RowId) -> Response:
    """Delete a comparison and close its links; for seven days it can be restored."""
    comparisons.delete(session, comparison)
    return Response(status_code=204)


@router.post("/comparisons/{comparison}/restore")
def restore(session: Transaction, comparison: RowId) -> Comparison:
    """Bring a deleted comparison back, with its links."""
    return comparisons.restore(session, comparison)


@router.post("/comparisons/{comparison}/add", status_code=201)
def add(session: Transaction, request: Request, comparison: RowId, addition: Addition) -> Comparison:
    """The same comparison with more checkpoints; only what is new is computed."""
    return comparisons.add(session, comparison, addition.checkpoints, trace=_trace(request))


@router.post("/comparisons/{comparison}/cancel")
def cancel(session: Transaction, comparison: RowId) -> Comparison:
    """Stop a running comparison; cells that are there stay."""
    return comparisons.cancel(session, comparison)


@router.post("/comparisons/{comparison}/retry")
def retry(session: Transaction, comparison: RowId) -> Comparison:
    """Compute what failed or was cancelled again."""
    return comparisons.retry(session, comparison)


@router.get("/comparisons/{comparison}/progress")
def progress(session: Transaction, parts: Opened, comparison: RowId) -> Progress:
    """How far a comparison is."""
    return comparisons.progress(session, parts.files, comparison)


def _progress(parts: WebParts, id: int, share: Share | None) -> Progress | None:
    """How far a comparison is; None where the visitor's link does not open it any longer."""
    with parts.database.transaction() as session:
        if share is not None and not shares.is_open(session, share.id):
            return None
        return comparisons.progress(session, parts.files, id)


@router.get("/comparisons/{comparison}/events")
async def events(request: Request, comparison: RowId) -> StreamingResponse:
    """Progress as server-sent events, one whenever something changed, until the end."""
    parts, share = parts_of(request), request.state.principal.share
    first = await asyncio.to_thread(_progress, parts, comparison, share)

    async def stream() -> AsyncIterator[str]:
        now, last = first, ""
        for _ in range(int(LONGEST_STREAM_S / TICK_S)):
            if now is None:
                return
            body = json.dumps({"comparison": comparison, **now.model_dump(mode="json")})
            if body != last:
                yield f"data: {body}\n\n"
                last = body
            if now.state is not ComparisonState.RUNNING or await request.is_disconnected():
                return
            await asyncio.sleep(TICK_S)
            now = await asyncio.to_thread(_progress, parts, comparison, share)

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
