"""Answers to visitors of masked links, without names."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cachetools import TTLCache
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinscape.backend.actions.masks import Mask

# Names are changed seldom; a visitor may see an older mask for so long.
KEPT_S = 5
MOST_KEPT = 64
MASKING_THREADS = 2
NUMPY = b"PK\x03\x04"
# A stream of progress names nobody, and must not be held back.
STREAMS = "text/event-stream"


class Masking:
    """ASGI middleware between the guard, which knows who asks, and the API."""

    def __init__(self, app: ASGIApp, *, mask_of: Callable[[int], Mask]) -> None:
        self.app, self._mask_of = app, mask_of
        self._masks: TTLCache[int, Mask] = TTLCache(MOST_KEPT, KEPT_S)
        self._threads = ThreadPoolExecutor(MASKING_THREADS, thread_name_prefix="masking")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through; what a masked link is answered has no names in it."""
        principal = scope.get("state", {}).get("principal")
        share = getattr(principal, "share", None)
        if scope["type"] != "http" or share is None or not share.masked or not scope["path"].startswith("/api/v1/comp"):
            await self.app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        mask = self._masks.get(share.comparison)
        if mask is None:
            mask = await loop.run_in_executor(self._threads, self._mask_of, share.comparison)
            self._masks[share.comparison] = mask
        # Compressed answers could not be read; they are short, or noise.
        headers = [(k, v) for k, v in scope["headers"] if k not in (b"accept-encoding", b"if-none-match")]
        query = mask.query(scope["query_string"].decode("latin-1")).encode()
        answer = _Held(send)
        await self.app({**scope, "headers": headers, "query_string": query}, receive, answer.take)
        if answer.is_streamed or answer.start is None:
            return
        body = await loop.run_in_executor(self._threads, masked, mask, answer.kind, bytes(answer.body))
        out = MutableHeaders(scope=answer.start)
        out["content-length"] = str(len(body))
        del out["etag"]
        await send(answer.start)
        await send({"type": "http.response.body", "body": body})


def masked(mask: Mask, kind: str, body: bytes) -> bytes:
    """A body without names; nothing of what cannot be searched."""
    if not body:
        return body
    if "json" in kind:
        return json.dumps(mask.document(json.loads(body)), ensure_ascii=False).encode()
    if kind == "application/octet-stream":
        return mask.npz(body) if body.startswith(NUMPY) else mask.float32(body)
    return b""


class _Held:
    """An answer that is kept until it is whole."""

    def __init__(self, send: Send) -> None:
        self.start: Message | None = None
        self.body = bytearray()
        self.kind = ""
        self.is_streamed = False
        self._send = send

    async def take(self, message: Message) -> None:
        """The next part of the answer."""
        if message["type"] == "http.response.start":
            self.start = message
            self.kind = Headers(raw=message["headers"]).get("content-type", "").split(";")[0]
            self.is_streamed = self.kind == STREAMS
        if self.is_streamed:
            await self._send(message)
        else:
            self.body += message.get("body", b"")
