"""Requests to Dash that no page of this dashboard makes: answered before Dash breaks on them."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dash import Dash
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CALLBACK = "/_dash-update-component"
SUITE = re.compile(r"/_dash-component-suites/([\w.]+)/(.+)")
# What Dash puts into the names of files, so that browsers fetch changed ones again.
FINGERPRINT = re.compile(r"\.v[\w-]+m\d+")


class DashRequests:
    """ASGI middleware in front of API and dashboard: 400 for forged calls of callbacks, 404 for unknown files."""

    def __init__(self, app: ASGIApp, dashboard: Dash) -> None:
        self.app, self.dashboard = app, dashboard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        refusal: Response | None = None
        if (
            scope["type"] == "http"
            and (suite := SUITE.fullmatch(scope["path"]))
            and not self._has_file(*suite.groups())
        ):
            refusal = _problem(404, f"There is nothing at {scope['path'][:200]}.")
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == CALLBACK:
            body, receive = await _read(receive)
            if body is not None and not self._is_call(body):
                refusal = _problem(400, "This is no call of a callback of this dashboard.")
        await (refusal or self.app)(scope, receive, send)

    def _has_file(self, package: str, path: str) -> bool:
        known = self.dashboard.registered_paths
        return package in known and FINGERPRINT.sub("", path) in known[package]

    def _is_call(self, body: bytes) -> bool:
        """Whether a body names a callback and has what it takes."""
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return False
        if not isinstance(said, dict) or not isinstance(said.get("output"), str):
            return False
        callback = self.dashboard.callback_map.get(said["output"])
        if callback is None:
            return False
        changed = said.get("changedPropIds", [])
        return (
            isinstance(changed, list)
            and all(isinstance(name, str) for name in changed)
            and all(_fits(said.get(part, []), callback.get(part, [])) for part in ("inputs", "state"))
            and _are_wires(_listed(said.get("outputs", [])))
        )


async def _read(receive: Receive) -> tuple[bytes | None, Receive]:
    """The whole body, and a channel that gives it again; nothing where the client left."""
    body, messages = bytearray(), []
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    whole = message["type"] == "http.request"
    left = iter(messages)

    async def again() -> Message:
        return next(left, None) or await receive()

    return (bytes(body) if whole else None), again


def _fits(given: Any, wanted: Sequence[Mapping[str, Any]]) -> bool:
    """Whether as many values came as a callback takes, each with the name of its place."""
    return isinstance(given, list) and len(given) == len(wanted) and _are_wires(given)


def _listed(given: Any) -> Any:
    """Outputs as a list: one alone comes as it is, and a callback without any says nothing."""
    if given is None:
        return []
    return [given] if isinstance(given, dict) else given


def _are_wires(given: Any) -> bool:
    """Whether these are places on a page: of a pattern, a list of them."""
    if not isinstance(given, list):
        return False
    for one in given:
        several = one if isinstance(one, list) else [one]
        if not all(
            isinstance(w, dict) and isinstance(w.get("id"), str | dict) and isinstance(w.get("property"), str)
            for w in several
        ):
            return False
    return True


def _problem(status: int, detail: str) -> Response:
    body = {"type": "about:blank", "title": "Request refused", "status": status, "detail": detail}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")
