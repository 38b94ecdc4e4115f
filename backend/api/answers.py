"""Errors as problem+json (RFC 9457)."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, IntegrityError, InternalError, OperationalError
from starlette.exceptions import HTTPException

from kinscape.backend.contracts.problems import Problem
from kinscape.backend.store.files import is_full

MEDIA_TYPE = "application/problem+json"
READ_ONLY = "25006"  # a transaction of a database that takes no writes
RETRY_AFTER_S = "5"
log = logging.getLogger("kinscape.api")


class ProblemDocument(BaseModel):
    """What every answer says that refuses something (RFC 9457)."""

    type: str = Field(description="What kind of problem, as an identifier.")
    title: str
    status: int
    detail: str = Field(description="A sentence that says what is wrong and what to do.")


# What any route may answer; a database or a disk that is away is nobody's mistake.
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": told, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}}
    for status, told in {
        400: "Not a request to this server.",
        401: "The owner's token is needed.",
        403: "Known, and not allowed to do this.",
        404: "There is nothing of that number or name.",
        405: "Another method is needed here.",
        408: "Nothing came for too long.",
        409: "It contradicts what is stored.",
        413: "The body is too large.",
        422: "It cannot be done as asked.",
        429: "Too many at once.",
        503: "The database does not answer right now.",
        507: "There is no room, or a quota is used up.",
    }.items()
}


def problem_response(body: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem as an HTTP response."""
    return JSONResponse(body, status_code=body["status"], media_type=MEDIA_TYPE, headers=headers)


def plain_problem(status: int, title: str, detail: str, **extra: Any) -> dict[str, Any]:
    """A problem that has no class of its own."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}


def sentence_of(error: RequestValidationError) -> str:
    """What is wrong with a request, field by field."""
    parts = []
    for item in error.errors()[:5]:
        if item["type"] == "json_invalid":
            return "The body is not JSON."
        where = ".".join(str(p) for p in item["loc"] if p not in ("body", "query", "path"))
        parts.append(f"{where}: {item['msg']}" if where else str(item["msg"]))
    return "; ".join(parts) + "."


async def _problem(_request: Request, error: Problem) -> JSONResponse:
    return problem_response(error.as_problem(), dict(error.headers))


async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
    return problem_response(plain_problem(422, "Invalid request", sentence_of(error)))


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"There is nothing at {request.url.path[:200]}."
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "other methods")
        detail = f"{request.method[:20]} is not done at {request.url.path[:200]}; {allowed} is."
    return problem_response(plain_problem(error.status_code, "Request refused", detail), dict(error.headers or {}))


async def _integrity(_request: Request, _error: IntegrityError) -> JSONResponse:
    detail = "Somebody changed the same thing at the same moment; look again and repeat the request."
    return problem_response(plain_problem(409, "Conflict", detail))


async def _unstorable(_request: Request, _error: Exception) -> JSONResponse:
    detail = "The request holds a NUL character, half of a character, or a number that is not finite; remove it."
    return problem_response(plain_problem(422, "Invalid request", detail))


async def _database(request: Request, error: OperationalError | InternalError) -> JSONResponse:
    if is_full(error):
        return _no_room()
    if isinstance(error, InternalError) and getattr(error.orig, "sqlstate", None) != READ_ONLY:
        return await _bug(request, error)
    log.warning("database.away error=%s", type(error.orig).__name__)
    detail = "The database does not answer right now; repeat the request in a few seconds."
    return problem_response(plain_problem(503, "Not available right now", detail), {"Retry-After": RETRY_AFTER_S})


async def _disk(request: Request, error: OSError) -> JSONResponse:
    return _no_room() if is_full(error) else await _bug(request, error)


def _no_room() -> JSONResponse:
    log.error("disk.full")
    detail = "The server's disk is full: ask its owner to make room, then repeat the request. Nothing is lost."
    return problem_response(plain_problem(507, "No room", detail), {"Retry-After": RETRY_AFTER_S})


async def _bug(request: Request, error: Exception) -> JSONResponse:
    reference = secrets.token_hex(4)
    log.error("request.failed reference=%s path=%s", reference, request.url.path, exc_info=error)
    detail = f"Something broke on our side. Quote reference {reference} when you report it."
    return problem_response(plain_problem(500, "Internal error", detail, reference=reference))


ANSWERS: dict[type[Exception], Callable[..., Awaitable[JSONResponse]]] = {
    Problem: _problem,
    RequestValidationError: _invalid,
    HTTPException: _http,
    IntegrityError: _integrity,
    DataError: _unstorable,
    UnicodeError: _unstorable,
    OperationalError: _database,
    InternalError: _database,
    OSError: _disk,
    Exception: _bug,
}


def install(app: FastAPI) -> None:
    """Answer every error of an app as a problem, and say so in its description."""
    for kind, answer in ANSWERS.items():
        app.add_exception_handler(kind, answer)
    plain = app.openapi

    def described() -> dict[str, Any]:
        found = plain()
        found["components"]["schemas"].setdefault("ProblemDocument", ProblemDocument.model_json_schema())
        return found

    app.openapi = described  # type: ignore[method-assign]
