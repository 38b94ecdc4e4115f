"""Errors as problem+json (RFC 9457)."""

import logging
import secrets
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from starlette.exceptions import HTTPException

from kinscape.backend.contracts.problems import Problem

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("kinscape.api")


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


def install(app: FastAPI) -> None:
    """Answer every error of an app as a problem."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, error: Problem) -> JSONResponse:
        return problem_response(error.as_problem())

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return problem_response(plain_problem(422, "Invalid request", sentence_of(error)))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        detail = str(error.detail)
        if error.status_code == 404:
            detail = f"There is nothing at {request.url.path[:200]}."
        return problem_response(plain_problem(error.status_code, "Request refused", detail), dict(error.headers or {}))

    @app.exception_handler(IntegrityError)
    async def _integrity(_request: Request, _error: IntegrityError) -> JSONResponse:
        detail = "Somebody changed the same thing at the same moment; look again and repeat the request."
        return problem_response(plain_problem(409, "Conflict", detail))

    @app.exception_handler(DataError)
    @app.exception_handler(UnicodeError)
    async def _unstorable(_request: Request, _error: Exception) -> JSONResponse:
        detail = "The request holds a NUL character, half of a character, or a number that is not finite; remove it."
        return problem_response(plain_problem(422, "Invalid request", detail))

    @app.exception_handler(OperationalError)
    async def _database_away(_request: Request, error: OperationalError) -> JSONResponse:
        log.warning("database.away error=%s", type(error.orig).__name__)
        detail = "The database does not answer right now; repeat the request in a few seconds."
        return problem_response(plain_problem(503, "Not available right now", detail))

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> JSONResponse:
        reference = secrets.token_hex(4)
        log.error("request.failed reference=%s path=%s", reference, request.url.path, exc_info=error)
        detail = f"Something broke on our side. Quote reference {reference} when you report it."
        return problem_response(plain_problem(500, "Internal error", detail, reference=reference))
