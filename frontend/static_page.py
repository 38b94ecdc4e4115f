"""A comparison as one file that opens without a server: from disk, in a notebook, or inside another site."""

import base64
import hashlib
import html
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.shares import TABS_OF_ONE_MEASURE, ShareScope
from kinscape.client import Client, ClientError, Comparison
from kinscape.frontend.access import Access
from kinscape.frontend.pages.comparison.tab import tabs
from kinscape.frontend.wiring import in_a_thread

ASSETS = Path(__file__).with_name("assets")
# A larger file is nothing that a browser opens gladly, or a mail takes.
MOST_BYTES = 64 << 20
TEMPLATE = """<!DOCTYPE html>
<html lang="en" data-mantine-color-scheme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>{title}</title><style>{style}</style></head><body class="{kind}">
<main class="page" id="page"><div id="comparison" class="comparison" data-place="{place}">
<div class="comparison-head" data-room="head"></div>
<nav id="tabs" class="picture-links" aria-label="Pictures" data-room="tabs"></nav>
<div class="three"><aside class="side left" aria-label="What to look at" data-room="left"></aside>
<section class="middle"><div data-room="picture"></div></section>
<aside id="selected" class="side right" aria-label="What is selected" data-room="right"></aside></div>
</div><p class="quiet">{told}</p></main>
<script type="application/json" id="offline">{data}</script><script nonce="{nonce}">{script}</script></body></html>
"""


# What an embedded page may do: run its own script, draw its own images, be shown by these sites, and ask nobody.
EMBEDDED_CSP = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors {frames}"
)


def register(server: FastAPI, access: Access, frames: str = "") -> None:
    """Serve the file to whoever may export the comparison.

    At ``/page/NUMBER`` it is saved, at ``/s/TOKEN/embed`` other sites show it. Both take a view as their query; the
    latter also ``only=picture``, which leaves the choices and what is selected away.

    Args:
        frames: the origins whose pages may embed it, with spaces between; none may where it is empty.
    """

    @server.get("/page/{comparison}", include_in_schema=False)
    async def page(request: Request, comparison: int) -> Response:
        client = access.client_of(request)
        try:
            text = await in_a_thread(lambda: written(client, comparison, view=request.url.query))
        except ClientError as error:
            return JSONResponse({"detail": str(error)}, error.status or 502)
        name = f'attachment; filename="comparison-{comparison}.html"'
        return HTMLResponse(text, headers={"Content-Disposition": name})

    @server.get("/s/{token}/embed", include_in_schema=False)
    async def embed(request: Request, token: str) -> Response:
        nonce = secrets.token_urlsafe(16)
        request.state.csp = EMBEDDED_CSP.format(nonce=nonce, frames=frames or "'none'")
        try:
            text = await in_a_thread(lambda: _embedded(access.visitor(request, token), request, nonce))
        except ClientError as error:
            status = error.status or 502
            told = NO_LINK if status in (401, 404) else str(error)
            return HTMLResponse(SENTENCE.format(html.escape(told)), 404 if status == 401 else status)
        return HTMLResponse(text)


SENTENCE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Kinscape</title><p>{}</p></html>'
NO_LINK = "This link does not open anything: it is wrong, has expired, or was revoked."


def _embedded(client: Client, request: Request, nonce: str) -> str:
    share = client.opened_share()
    if not share.may_export:
        raise ClientError("This link lets nobody take numbers away, and an embedded page holds them.", status=403)
    asked = {k: v for k, v in request.query_params.items() if k != "only"}
    is_bare = request.query_params.get("only") == "picture"
    view = urlencode(asked) or share.view
    kind = "embedded bare" if is_bare else "embedded"
    return written(client, share.comparison, view=view, nonce=nonce, kind=kind, scope=share.scope)


def written(
    client: Client,
    number: int,
    *,
    view: str = "",
    nonce: str = "",
    kind: str = "",
    scope: ShareScope = ShareScope.COMPARISON,
) -> str:
    """The whole file.

    Args:
        view: the view with which it opens, as the query of an address.
        nonce: what lets its script run where a policy for its content is sent along.
        kind: class of its body; ``bare`` shows the picture alone.
        scope: how much of the comparison the visitor's link opens.

    Raises:
        ClientError: the visitor may not see the comparison, it is still running, or the file would be too large.
    """
    comparison = client.comparison(number)
    details = comparison.details
    if details.progress.state is ComparisonState.RUNNING:
        raise ClientError("This comparison is still running; take its page away when it is done.", status=409)
    is_one = scope is ShareScope.MATRIX
    answers = _answers(client, comparison, () if is_one else ("/models", "/answer"))
    digest = hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()
    drawn = [tab for tab in tabs().values() if tab.draw is None]
    shown = [tab.told() for tab in drawn if not is_one or tab.key in TABS_OF_ONE_MEASURE]
    place = {
        "comparison": number,
        "path": "",
        "isShared": True,
        "isOffline": True,
        "view": view,
        "mayExport": False,
        "isOneMatrix": is_one,
        "tabs": shown,
    }
    title = details.name or f"Comparison {number}"
    told = f"Taken from Kinscape, results version {details.progress.version}, SHA-256 of the numbers {digest}."
    return TEMPLATE.format(
        title=html.escape(title),
        style=(ASSETS / "style.css").read_text("utf-8"),
        place=html.escape(json.dumps(place)),
        told=told,
        nonce=nonce,
        kind=kind,
        # Nothing in the numbers may end the element that holds them.
        data=json.dumps(answers).replace("<", "\\u003c"),
        script=(ASSETS / "vendor" / "dashboard.js").read_text("utf-8").replace("</script", "<\\/script"),
    )


def _answers(client: Client, comparison: Comparison, parts: Sequence[str]) -> dict[str, Any]:
    """What the page would ask the server for, by path: JSON, or bytes as base64.

    Args:
        parts: of the comparison, beside itself, its checkpoints and its matrices.
    """
    place = f"/comparisons/{comparison.id}"
    slugs = {m.slug for m in comparison.details.measures}
    found: dict[str, Any] = {"/measures": [c for c in client.http.get("/measures") if c["slug"] in slugs]}
    for path in (place, f"{place}/checkpoints", *(f"{place}{part}" for part in parts)):
        found[path] = client.http.get(path)
    size = 0
    for path in _matrix_paths(comparison):
        body = client.http.request("GET", path).content
        size += len(body)
        if size > MOST_BYTES:
            raise ClientError(
                f"The page would be larger than {MOST_BYTES >> 20} MiB; export single matrices instead.", status=422
            )
        found[path] = {"base64": base64.b64encode(body).decode()}
    return found


def _matrix_paths(comparison: Comparison) -> list[str]:
    """The paths under which the browser asks for each matrix (``Store.matrixOf``)."""
    paths = []
    for measure in comparison.details.measures:
        if measure.arity is not Arity.PAIR:
            continue
        layers = dict.fromkeys(a for a, b in measure.layers if a == b and a)
        for layer in layers or [None]:
            wanted = {"measure": measure.key, "layer": layer, "reading": "raw", "format": "float32"}
            query = urlencode({k: v for k, v in wanted.items() if v is not None})
            paths.append(f"/comparisons/{comparison.id}/matrix?{query}")
    return paths
