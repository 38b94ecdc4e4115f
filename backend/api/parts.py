"""What routes are given: one transaction, the file store, the settings."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Path, Query, Request, Response
from sqlalchemy.orm import Session

from kinscape.backend.api.demos import DemoRuns
from kinscape.backend.api.drawn import DrawnMatrices
from kinscape.backend.api.stalls import Stalls
from kinscape.backend.queue import CeleryQueue
from kinscape.backend.settings import WebSettings
from kinscape.backend.store import events
from kinscape.backend.store.database import Database
from kinscape.backend.store.files import Files
from kinscape.backend.store.pages import Listed, Window

READING = ("GET", "HEAD", "OPTIONS")


class Numbered(Protocol):
    """What a list holds."""

    @property
    def id(self) -> int:
        """Its number."""


Given = TypeVar("Given", bound=Numbered)


@dataclass(frozen=True)
class WebParts:
    """The opened parts of a web process."""

    settings: WebSettings
    database: Database
    files: Files
    queue: CeleryQueue
    drawn: DrawnMatrices = field(default_factory=DrawnMatrices)
    stalls: Stalls = field(default_factory=Stalls)
    demos: DemoRuns = field(default_factory=DemoRuns)


def parts_of(request: Request) -> WebParts:
    """The parts of the process that answers a request."""
    parts: WebParts = request.app.state.parts
    return parts


def transaction(request: Request) -> Iterator[Session]:
    """The transaction of a request: committed when its route returns, undone when it raises."""
    with parts_of(request).database.transaction() as session:
        yield session
        if request.method not in READING:
            _note(session, request)


def _note(session: Session, request: Request) -> None:
    """Write down what was changed; pieces of files, and what is only asked, change nothing."""
    endpoint = request.scope.get("endpoint")
    path = request.url.path
    if request.query_params.get("dry_run") == "true":
        return
    if endpoint is None or path.endswith("/plan") or (request.method == "PATCH" and "/uploads/" in path):
        return
    room = endpoint.__module__.rsplit(".", 1)[-1]
    client = request.client.host if request.client else ""
    numbers = {name: str(value) for name, value in request.path_params.items()}
    events.note(session, client=client, action=f"{room}.{endpoint.__name__}", path=path, numbers=numbers)


Opened = Annotated[WebParts, Depends(parts_of)]
# scope="function": committed before the answer leaves, so that a client reads its own writes.
Transaction = Annotated[Session, Depends(transaction, scope="function")]
RowId = Annotated[int, Path(ge=1, le=2**63 - 1)]


# What one answer lists where nobody asks for fewer: a project of hundreds of checkpoints in one.
PAGE = 1000


@dataclass(frozen=True)
class Page:
    """Which part of a list a request asks for, and its answer, which says how the list goes on."""

    window: Window
    request: Request
    response: Response

    def of(self, part: Listed[Given]) -> list[Given]:
        """The entries; ``X-Total-Count`` says how many there are, ``Link`` where the next ones are."""
        self.response.headers["X-Total-Count"] = str(part.total)
        if part.has_more:
            following = self.request.url.include_query_params(limit=self.window.limit, before=part.rows[-1].id)
            self.response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
        return part.rows


def page(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=PAGE, description="Most entries of this answer.")] = PAGE,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Entries older than this number.")] = None,
) -> Page:
    """The part of a list that a request asks for."""
    return Page(Window(limit, before), request, response)


Paged = Annotated[Page, Depends(page)]


Deleted = Annotated[bool, Query(description="Those that were deleted and can be restored.")]
