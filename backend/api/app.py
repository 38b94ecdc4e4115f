"""The API as one FastAPI application."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

from fastapi import APIRouter, FastAPI, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Match, Route
from starlette.types import ASGIApp

from kinscape.backend.actions import housekeeping as tidying
from kinscape.backend.actions import masks, repeats
from kinscape.backend.actions import shares as links
from kinscape.backend.actions import uploads as incoming
from kinscape.backend.api import answers, metrics
from kinscape.backend.api.body_limit import BodyLimit
from kinscape.backend.api.guard import Guard
from kinscape.backend.api.masking import Masking
from kinscape.backend.api.parts import WebParts
from kinscape.backend.api.routes import (
    checkpoints,
    comparisons,
    demos,
    housekeeping,
    offers,
    probes,
    projects,
    results,
    shares,
    studies,
    uploads,
)
from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.contracts.shares import Share
from kinscape.backend.store import gauges, jobs

# Jobs whose worker died wait this long at most after their lease has ended.
RECONCILE_EVERY_S = 5
COLLECT_EVERY_S = 3600
PREFIX = "/api/v1"
ROOMS = (offers, projects, checkpoints, probes, uploads, comparisons, results, studies, demos, shares, housekeeping)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
log = logging.getLogger("kinscape.api")


def create_app(parts: WebParts, *, stopped: Callable[[], None]) -> FastAPI:
    """The API, with a task that wakes workers again for lost jobs; it lets everybody in (see ``guarded``).

    Args:
        stopped: called when the server has answered its last request.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(_reconcile(parts))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        stopped()
        parts.demos.close()
        parts.database.close()

    app = FastAPI(
        title="Kinscape",
        version="1",
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        description="Checkpoints, probe sets, comparisons and the links that open them.",
    )
    app.state.parts = parts
    answers.install(app)
    api = APIRouter(prefix=PREFIX, responses=answers.DOCUMENTED)
    for routes in ROOMS:
        api.include_router(routes.router)
    app.include_router(api)
    app.include_router(shares.door)
    app.include_router(metrics.router)

    @app.api_route("/api", methods=METHODS, include_in_schema=False)
    @app.api_route("/api/{rest:path}", methods=METHODS, include_in_schema=False)
    async def nothing_here(request: Request, rest: str = "") -> None:
        allowed = methods_at(request.url.path.removeprefix(PREFIX))
        if allowed:
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
        raise HTTPException(404)

    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(metrics.Counted)
    return app


def methods_at(path: str) -> list[str]:
    """What may be done at an address of the API."""
    scope = {"type": "http", "path": path, "method": ""}
    routes = [r for room in ROOMS for r in room.router.routes if isinstance(r, Route)]
    there = [route for route in routes if route.matches(scope)[0] is Match.PARTIAL]
    return sorted({method for route in there for method in route.methods or ()})


def guarded(app: ASGIApp, parts: WebParts, *, csp: str) -> ASGIApp:
    """The same application for those who may use it: who asks is known before a body is read.

    Args:
        app: API and dashboard, with all their middleware.
        csp: the Content-Security-Policy of every answer.
    """

    def open_share(token: str) -> Share | None:
        try:
            with parts.database.transaction() as session:
                return links.open_with(session, token)
        except NotFound:
            return None

    def mask_of(comparison: int) -> masks.Mask:
        with parts.database.transaction() as session:
            return masks.of(session, comparison)

    return Guard(BodyLimit(Masking(app, mask_of=mask_of)), settings=parts.settings, open_share=open_share, csp=csp)


async def _reconcile(parts: WebParts) -> None:
    collected = time.monotonic()
    while True:
        try:
            await asyncio.to_thread(_tidy, parts)
            if time.monotonic() - collected > COLLECT_EVERY_S:
                collected = time.monotonic()
                await asyncio.to_thread(_collect, parts)
        except (SQLAlchemyError, OSError) as error:
            log.warning("reconcile.failed error=%s", type(error).__name__)
        await asyncio.sleep(RECONCILE_EVERY_S)


def _collect(parts: WebParts) -> None:
    with parts.database.transaction() as session:
        found = tidying.collect(session, parts.files, cache_bytes=parts.settings.cache_disk_bytes)
    log.info("collect.done %s", " ".join(f"{name}={count}" for name, count in found.model_dump().items()))


def _tidy(parts: WebParts) -> None:
    with parts.database.transaction() as session:
        again = jobs.reconcile(session)
        gone = incoming.collect_expired(session, parts.files)
        repeats.queue_unread(session)
        # What waits for room waits for a reason.
        parts.stalls.look(gauges.unattended(session) if parts.files.has_room_for_work() else {})
    if again or gone:
        log.info("reconcile.done woken=%d uploads_removed=%d", again, gone)
