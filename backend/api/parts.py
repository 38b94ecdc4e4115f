"""What routes are given: one transaction, the file store, the settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from sqlalchemy.orm import Session

from kinscape.backend.queue import CeleryQueue
from kinscape.backend.settings import WebSettings
from kinscape.backend.store.database import Database
from kinscape.backend.store.files import Files


@dataclass(frozen=True)
class WebParts:
    """The opened parts of a web process."""

    settings: WebSettings
    database: Database
    files: Files
    queue: CeleryQueue


def parts_of(request: Request) -> WebParts:
    """The parts of the process that answers a request."""
    parts: WebParts = request.app.state.parts
    return parts


def transaction(request: Request) -> Iterator[Session]:
    """The transaction of a request: committed when its route returns, undone when it raises."""
    with parts_of(request).database.transaction() as session:
        yield session


Opened = Annotated[WebParts, Depends(parts_of)]
# scope="function": committed before the answer leaves, so that a client reads its own writes.
Transaction = Annotated[Session, Depends(transaction, scope="function")]
RowId = Annotated[int, Path(ge=1, le=2**63 - 1)]
