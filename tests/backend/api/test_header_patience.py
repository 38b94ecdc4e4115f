"""A line that never finishes asking is closed."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from kinscape.backend.api.header_patience import PatientProtocol
from tests.conftest import free_port

PATIENCE_S = 0.6


class Hasty(PatientProtocol):
    """The same with less patience."""

    head_s = PATIENCE_S


def slow(_request: Request) -> PlainTextResponse:
    """An answer that takes longer than the patience with heads."""
    time.sleep(2 * PATIENCE_S)
    return PlainTextResponse("done")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A small server in this process."""
    chosen = free_port()
    app = Starlette(routes=[Route("/", slow)])
    server = uvicorn.Server(uvicorn.Config(app, port=chosen, http=Hasty, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield chosen
    server.should_exit = True
    thread.join(10)


def answered(line: socket.socket) -> bytes:
    """All that comes until the line is closed."""
    line.settimeout(10 * PATIENCE_S)
    out = b""
    while part := line.recv(1000):
        out += part
    return out


@pytest.mark.fault("the head of a request comes byte by byte, or not at all")
@pytest.mark.parametrize("text", [b"", b"GET /", b"GET / HTTP/1.1\r\nHost: here\r\n"])
def test_a_head_that_never_ends_is_answered(port: int, text: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as line:
        began = time.monotonic()
        line.sendall(text)
        time.sleep(PATIENCE_S / 2)
        # One more byte does not buy more time.
        line.sendall(b"x" if text else b"")
        assert answered(line).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < 3 * PATIENCE_S


def test_a_slow_answer_and_the_next_request_are_no_slow_head(port: int) -> None:
    whole = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as line:
        for _ in range(2):
            line.sendall(whole)
            line.settimeout(10 * PATIENCE_S)
            assert line.recv(1000).startswith(b"HTTP/1.1 200")
        line.sendall(whole[:20])
        assert b"408" in answered(line)
