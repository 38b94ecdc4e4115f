"""The guard in front of API and dashboard: host, origin, who is asking, and safe headers.

It fails closed: what is not listed here needs an owner.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinscape.backend.api.answers import plain_problem, problem_response
from kinscape.backend.api.guesses import Guesses
from kinscape.backend.api.owner import Owner
from kinscape.backend.contracts.shares import Share, ShareScope
from kinscape.backend.settings import LOOPBACK, WebSettings

OWNER_COOKIE = "kinscape_owner"
SIGN_OUT = "/sign-out"
SHARE_COOKIE = "kinscape_share"
SHARE_HEADER = "kinscape-share"
# The number of the link whose page asks: its browser holds the token in a cookie that no script can read.
PAGE_HEADER = "kinscape-shared-page"
SHARED_PAGE = re.compile(r"/shared/(\d+)")
# So many links of one browser are tried before it is told that none opens this.
MOST_LINKS = 20
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Looking up one share is one query. Its threads are its own: every request of a visitor begins here, also those that
# a thread of the dashboard waits for (docs/decisions/0013).
LOOKUP_THREADS = 4
EVERYBODY = re.compile(r"/api/v1/health|/s/[A-Za-z0-9_-]{1,200}(/embed)?")
DASHBOARD = re.compile(r"/(assets/.*|_dash-.*|_favicon\.ico|_reload-hash|shared/\d+)")
# A page without the dashboard, which its visitor may not ask for.
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Kinscape</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>:root {{ color-scheme:light dark; }}
main {{ max-width:520px; margin:16vh auto; padding:0 16px; text-align:center; font:15px/1.5 system-ui,sans-serif; }}
h1 {{ font-size:18px; }}</style></head><body><main><h1>Kinscape</h1><p>{}</p></main></body></html>"""
SIGN_IN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Kinscape</title>
<body><main><h1>Kinscape</h1><p>This dashboard needs its owner's token. Open the address that
<code>kinscape up</code> printed, or ask the owner for a share link.</p></main></body></html>"""


# No host has a space in its name.
NO_HOST = "no host"


@dataclass(frozen=True)
class Principal:
    """Who is asking: the owner, or somebody with a link."""

    share: Share | None = None

    @property
    def is_owner(self) -> bool:
        """Whether everything is allowed."""
        return self.share is None


class Guard:
    """ASGI middleware; wraps http and websocket alike."""

    def __init__(
        self, app: ASGIApp, *, settings: WebSettings, open_share: Callable[[str], Share | None], csp: str
    ) -> None:
        self.app = app
        self.settings, self.owner = settings, Owner(settings)
        self.open_share = open_share
        self.csp = csp
        public = _host_of(settings.public_url)
        own = {f"{h}:{settings.port}" for h in ("127.0.0.1", "localhost", "[::1]", settings.host)}
        self.hosts = own | {public}
        self._guesses = Guesses()
        self._lookups = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="share-lookup")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            principal = await self._principal(scope)
            refusal = self._too_many(scope, principal) or self._not_allowed(scope, principal)
            scope.setdefault("state", {})["principal"] = principal
        if refusal is None:
            await self.app(scope, receive, self._with_headers(scope, send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, self._with_headers(scope, send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self.owner.needs_token and host not in self.hosts:
            return _problem(400, "Unknown host", f"This server is not reached as {host[:100]!r}.")
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        origin = headers.get("origin")
        if unsafe and origin is not None and _host_of(origin) not in self.hosts | {host}:
            return _problem(403, "Foreign origin", "Requests from other sites are refused.")
        return None

    async def _principal(self, scope: Scope) -> Principal | None:
        headers, cookies = Headers(scope=scope), HTTPConnection(scope).cookies
        header, page = headers.get(SHARE_HEADER), headers.get(PAGE_HEADER)
        path = f"/shared/{page}" if page and page.isascii() and page.isdecimal() else scope["path"]
        tokens = [header] if header else link_tokens(cookies, path)
        # An owner who opens a link sees what its visitors see.
        is_of_link = bool(header) or bool(page) or (path.startswith("/shared/") and bool(tokens))
        if not is_of_link and self._is_owner(headers, cookies):
            return Principal()
        known: Principal | None = None
        for token in tokens:
            share = await asyncio.get_running_loop().run_in_executor(self._lookups, self.open_share, token)
            if share is None:
                continue
            if shared_may(scope, share):
                return Principal(share)
            known = known or Principal(share)
        return known

    def _too_many(self, scope: Scope, principal: Principal | None) -> Response | None:
        """An answer to who guesses: a token that opens nothing, again and again. The owner's is always let in."""
        if principal is not None or scope["type"] != "http":
            return None
        headers, given = Headers(scope=scope), _given(scope)
        client = _client_of(scope)
        is_link = scope["path"].startswith("/s/")
        if given is not None and self.owner.opens(given):
            return None
        if is_link and not self._guesses.are_many(client):
            # Whether it opens anything is seen by its route.
            return None
        is_cookie_wrong = OWNER_COOKIE in HTTPConnection(scope).cookies
        if "authorization" in headers or is_cookie_wrong or given is not None:
            self._guesses.note(client, "owner")
        elif SHARE_HEADER in headers:
            self._guesses.note(client, "link")
        elif not is_link:
            return None
        if not self._guesses.are_many(client):
            return None
        answer = _problem(429, "Too many wrong tokens", "Wait a minute, then show the right token.")
        answer.headers["Retry-After"] = "60"
        return answer

    def _is_owner(self, headers: Headers, cookies: dict[str, str]) -> bool:
        if not self.owner.needs_token:
            return self.settings.host in LOOPBACK
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.owner.opens(given):
            return True
        return self.owner.is_signed_in(cookies.get(OWNER_COOKIE, ""))

    def _not_allowed(self, scope: Scope, principal: Principal | None) -> Response | None:
        path = scope["path"]
        if path == SIGN_OUT and scope["type"] == "http":
            answer = HTMLResponse(_page("You are signed out of this browser."))
            answer.delete_cookie(OWNER_COOKIE, httponly=True, samesite="lax")
            return answer
        if scope["type"] == "http" and scope["method"] == "GET" and not path.startswith("/api/"):
            signed_in = self._sign_in(scope)
            if signed_in is not None:
                return signed_in
        if EVERYBODY.fullmatch(path) and scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return None
        if principal is None:
            if path.startswith("/shared/"):
                return HTMLResponse(
                    _page("This link does not open anything: it is wrong, has expired, or was revoked."), 404
                )
            if path.startswith("/api") or scope["type"] == "websocket" or scope["method"] != "GET":
                return _problem(401, "Owner token needed", "Send the owner token, or open a share link.")
            return HTMLResponse(SIGN_IN, 401)
        if principal.is_owner or shared_may(scope, principal.share):
            return None
        if path.startswith("/api") or scope["type"] == "websocket":
            return _problem(403, "Not allowed", "This link does not open that.")
        return HTMLResponse(_page("This link does not open that page."), 403)

    def _sign_in(self, scope: Scope) -> Response | None:
        query, given = HTTPConnection(scope).query_params.multi_items(), _given(scope)
        if given is None or not self.owner.needs_token:
            return None
        if not self.owner.opens(given):
            return HTMLResponse(SIGN_IN, 401)
        rest = urlencode([(k, v) for k, v in query if k != "token"])
        answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
        answer.set_cookie(
            OWNER_COOKIE,
            self.owner.digest,
            max_age=30 * 86400,
            httponly=True,
            samesite="lax",
            secure=self.settings.public_url.startswith("https:"),
        )
        return answer

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # A page that other sites may embed says so by a policy of its own.
                own = scope.get("state", {}).get("csp")
                headers["Content-Security-Policy"] = own or self.csp
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                if own is None:
                    headers["X-Frame-Options"] = "DENY"
                is_shared = scope["path"].startswith(("/s/", "/shared/"))
                if is_shared:
                    headers["X-Robots-Tag"] = "noindex"
                if scope["path"].startswith("/s/") and message["status"] == 404:
                    self._guesses.note(_client_of(scope), "link")
                # What a link shows ends with the link, in every cache on the way.
                who = scope.get("state", {}).get("principal")
                if is_shared or (who is not None and not who.is_owner and scope["path"].startswith("/api/")):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        return safe


def _given(scope: Scope) -> str | None:
    """The owner's token in an address. What a link's page is given is a part of its view, whatever it is called."""
    if scope["path"].startswith("/shared/"):
        return None
    return HTTPConnection(scope).query_params.get("token")


def _client_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def link_tokens(cookies: Mapping[str, str], path: str) -> list[str]:
    """Tokens of the links that a browser has opened: that of a shared page, or all of them, the newest first."""
    page = SHARED_PAGE.fullmatch(path)
    if page:
        names = [f"{SHARE_COOKIE}_{page.group(1)}", SHARE_COOKIE]
    else:
        names = [n for n in reversed(list(cookies)) if n == SHARE_COOKIE or n.startswith(f"{SHARE_COOKIE}_")]
    return [cookies[name] for name in names if cookies.get(name)][:MOST_LINKS]


def shared_may(scope: Scope, share: Share | None) -> bool:
    """Whether somebody with this link may ask for this."""
    if share is None:
        return False
    path, method = scope["path"], scope.get("method", "")
    if scope["type"] == "websocket":
        return bool(path.startswith("/_dash-"))
    if path == "/_dash-update-component":
        return bool(method == "POST")
    if method not in SAFE_METHODS:
        return False
    if path.startswith("/shared/"):
        return bool(path == f"/shared/{share.id}")
    if DASHBOARD.fullmatch(path) or path in ("/api/v1/measures", "/api/v1/shared"):
        return True
    if path == f"/page/{share.comparison}":
        return share.may_export and share.scope is ShareScope.COMPARISON
    own = f"/api/v1/comparisons/{share.comparison}"
    if share.scope is ShareScope.MATRIX and not _is_of_measure(scope, path.removeprefix(own), share.measure):
        return False
    if path.startswith(f"{own}/shares"):
        return False
    if path.startswith(f"{own}/export"):
        return share.may_export
    return bool(path == own or path.startswith(f"{own}/"))


def _is_of_measure(scope: Scope, part: str, measure: str) -> bool:
    """Whether a part of a comparison is of one measure, or of none."""
    if part in ("", "/checkpoints", "/progress", "/events"):
        return True
    asked = HTTPConnection(scope).query_params.getlist("measure")
    return part in ("/matrix", "/block", "/export") and bool(asked) and set(asked) == {measure}


def _host_of(address: str) -> str:
    """Host and port of an address; of what is none, a word that no host is called."""
    try:
        return urlsplit(address).netloc or NO_HOST
    except ValueError:
        return NO_HOST


def _problem(status: int, title: str, detail: str) -> Response:
    return problem_response(plain_problem(status, title, detail))


def _page(sentence: str) -> str:
    return PAGE.format(sentence)
