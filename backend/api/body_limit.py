"""How large a body may be, and how long it may take to come; the memory and time of the server are everybody's."""

import asyncio
import re

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinscape.backend.api.answers import plain_problem, problem_response

# Asking about five thousand checkpoints takes a tenth of it; JSON grows twenty-five times in memory.
LARGEST_BODY = 4 << 20
# Pieces of files are read by their route, which has a limit of its own.
PIECE = re.compile(r"/api/v1/uploads/\w+")
# A line that gives nothing for so long is held open on purpose, or dead.
SILENCE_S = 30.0


class BodyLimit:
    """Answers 413 to bodies that are too large and 408 to those that stop on the way, whatever reads them."""

    def __init__(self, app: ASGIApp, *, silence_s: float = SILENCE_S) -> None:
        self.app, self.silence_s = app, silence_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through as long as its body stays within the limits."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_piece = scope["method"] in ("PATCH", "POST") and PIECE.fullmatch(scope["path"]) is not None
        body = _Body(receive, send, most=None if is_piece else LARGEST_BODY, silence_s=self.silence_s)
        length = Headers(scope=scope).get("content-length", "")
        if body.most is not None and length.isdecimal() and int(length) > body.most:
            await too_large()(scope, receive, send)
            return
        try:
            await self.app(scope, body.receive, body.send)
        except ClientDisconnect:
            if body.refusal is None:
                raise
        if body.refusal is not None and not body.is_answered:
            await body.refusal(scope, receive, send)


class _Body:
    """One request's body, counted as it comes; after a refusal the application sees a client that left."""

    def __init__(self, receive: Receive, send: Send, *, most: int | None, silence_s: float) -> None:
        self.most, self.is_answered = most, False
        self.refusal: Response | None = None
        self._receive, self._send, self._silence_s = receive, send, silence_s
        self._size, self._is_whole = 0, False

    async def receive(self) -> Message:
        """The next part of the body."""
        if self.refusal is not None:
            return {"type": "http.disconnect"}
        if self._is_whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._silence_s)
        except TimeoutError:
            self.refusal = too_slow(self._silence_s)
            return {"type": "http.disconnect"}
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self.most is not None and self._size > self.most:
            self.refusal = too_large()
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """An answer of the application, unless there is a refusal instead."""
        if self.refusal is None or self.is_answered:
            self.is_answered = True
            await self._send(message)


def too_large() -> Response:
    """413 with the limit."""
    sentence = f"The body of this request is larger than {LARGEST_BODY >> 20} MiB; ask for less at a time."
    return problem_response(plain_problem(413, "Too large", sentence), {"Connection": "close"})


def too_slow(seconds: float) -> Response:
    """408 with the patience."""
    sentence = f"Nothing of this request came for {seconds:.0f} s; send it again."
    return problem_response(plain_problem(408, "Request timeout", sentence), {"Connection": "close"})
