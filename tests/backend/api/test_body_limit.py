"""Bodies that are too large or never end are answered, and nobody else waits for them."""

import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from kinscape.backend.api.body_limit import LARGEST_BODY, BodyLimit
from tests.conftest import Server

JSON = {"Content-Type": "application/json"}
PLACES = ["/_dash-update-component", "/api/v1/projects", "/api/v1/projects/1/comparisons", "/"]


def endless() -> Iterator[bytes]:
    """JSON without a length in the header."""
    yield b"["
    while True:
        yield b'{"a":[1,2,{}]},' * 10_000


@pytest.mark.fault("a large body of nobody known")
@pytest.mark.parametrize("place", PLACES)
def test_a_large_body_is_refused_before_it_is_read(server: Server, place: str) -> None:
    began = time.perf_counter()
    body = b'{"a":[1,2,{}]},' * (2 * LARGEST_BODY // 15)
    answer = httpx.post(server.url + place, content=body, headers=JSON, timeout=20)
    assert answer.status_code == 413
    assert "larger than 4 MiB" in answer.json()["detail"]
    assert time.perf_counter() - began < 5


@pytest.mark.fault("a body without an end")
@pytest.mark.parametrize("place", PLACES[:3])
def test_a_body_without_a_length_is_counted(server: Server, place: str) -> None:
    try:
        answer = httpx.post(
            server.url + place, content=endless(), headers={"Content-Type": "application/json"}, timeout=20
        )
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        # The server closed the line while more was on its way.
        answer = None
    assert answer is None or answer.status_code == 413
    assert httpx.get(f"{server.url}/health", timeout=5).status_code == 200


@pytest.mark.fault("a body that stops on its way")
def test_a_body_that_stops_on_the_way_is_answered() -> None:
    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    app = BodyLimit(Starlette(routes=[Route("/", read, methods=["POST"])]), silence_s=0.2)
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        if not sent and not receive.__dict__.setdefault("begun", False):
            receive.__dict__["begun"] = True
            return {"type": "http.request", "body": b"12345", "more_body": True}
        await asyncio.sleep(3600)
        return {}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"", "root_path": ""}
    with ThreadPoolExecutor(1) as pool:
        # A thread of its own: a browser of another test may keep a loop running in this one.
        pool.submit(lambda: asyncio.run(app(scope, receive, send))).result()  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


@pytest.mark.fault("twenty lines that say nothing")
def test_a_quiet_line_does_not_hold_the_others(server: Server) -> None:
    lines = []
    for _ in range(20):
        line = socket.create_connection(("127.0.0.1", server.port))
        line.sendall(
            b"POST /api/v1/projects HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 100\r\n\r\n{" % server.port
        )
        lines.append(line)
    began = time.perf_counter()
    assert httpx.get(f"{server.url}/health", timeout=10).status_code == 200
    assert time.perf_counter() - began < 2
    for line in lines:
        line.close()
