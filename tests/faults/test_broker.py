"""Redis hangs, forgets everything or is given garbage, workers stop: work goes on, and what does not is told."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import httpx
import psycopg
import pytest

from kinscape import Client
from kinscape.client import Comparison, Project
from kinscape.local import programs
from tests.conftest import Server, free_port
from tests.faults.test_kills import until_ready

GARBAGE = (b"{", b"[]", b"null", b'{"body": 3}', b"\xff", b"{}")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose parts are treated badly."""
    one = Server(tmp_path_factory.mktemp("broken") / "data", free_port()).start()
    yield one
    one.stop()


@pytest.fixture
def cast(broken: Server, networks: list[Path], probe_file: Path) -> Iterator[Project]:
    """Two networks and a probe set on it."""
    with Client(broken.url, "") as client:
        project = client.create_project(f"broken {time.monotonic_ns()}")
        for path in networks[:2]:
            project.upload_checkpoint(path)
        project.upload_probe(probe_file)
        yield project


def ask(project: Project) -> Comparison:
    return project.compare(checkpoints=project.checkpoints(), probe=project.probes()[0], measures=["disagreement"])


def admin(server: Server, *statements: LiteralString) -> None:
    """Tell Postgres, beside the server."""
    with psycopg.connect(host=server.sockets, user="kinscape", dbname="kinscape", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def redis(server: Server, *words: str | bytes) -> bytes:
    """The answer of Redis to one command, by its own protocol."""
    parts = [w if isinstance(w, bytes) else w.encode() for w in words]
    sent = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(f"{programs.run_folder(server.data)}/redis.sock")
        line.sendall(sent)
        return line.recv(1000)


@pytest.mark.fault("lines of garbage in Redis")
@pytest.mark.parametrize("line", [b"garbage", *(pytest.param(line, marks=pytest.mark.slow) for line in GARBAGE)])
def test_garbage_in_a_queue_does_not_end_the_work(broken: Server, cast: Project, line: bytes) -> None:
    for queue in ("compute", "inspection"):
        redis(broken, "RPUSH", queue, line)
    comparison = ask(cast)
    comparison.wait(timeout_s=150)
    assert comparison.status == "done", comparison.log
    until_ready(broken)


@pytest.mark.slow
@pytest.mark.fault("Redis forgets everything")
def test_what_redis_forgot_is_sent_again(broken: Server, cast: Project) -> None:
    pids = broken.children()["compute"]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        comparison = ask(cast)
        assert redis(broken, "FLUSHALL") == b"+OK\r\n"
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    comparison.wait(timeout_s=200)
    assert comparison.status == "done", comparison.log


@pytest.mark.slow
@pytest.mark.fault("Redis hangs for half a minute")
def test_a_hung_redis_hangs_nobody(broken: Server, cast: Project) -> None:
    (pid,) = broken.children()["redis"]
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        comparison = ask(cast)
        assert time.monotonic() - began < 15
        began = time.monotonic()
        assert not httpx.get(f"{broken.url}/api/v1/health", timeout=30).json()["ready"]
        assert time.monotonic() - began < 10
        time.sleep(20)
    finally:
        os.kill(pid, signal.SIGCONT)
    comparison.wait(timeout_s=200)
    assert comparison.status == "done", comparison.log


@pytest.mark.slow
@pytest.mark.fault("a worker's parent process is stopped")
def test_a_stopped_worker_is_told_and_started_again(broken: Server, cast: Project) -> None:
    until_ready(broken)
    parent = min(broken.children()["compute"])
    os.kill(parent, signal.SIGSTOP)
    comparison = ask(cast)
    deadline, seen = time.monotonic() + 200, False
    while time.monotonic() < deadline and parent in broken.children()["compute"]:
        health = httpx.get(f"{broken.url}/api/v1/health", timeout=30).json()
        seen |= health["workers"] > 0 and not health["moves"] and not health["ready"]
        time.sleep(1)
    assert seen
    assert parent not in broken.children()["compute"]
    comparison.wait(timeout_s=200)
    assert comparison.status == "done", comparison.log


@pytest.mark.fault("the database refuses to write")
def test_a_read_only_database_is_told(broken: Server, cast: Project) -> None:
    end = (
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'kinscape' and pid <> pg_backend_pid()"
    )
    admin(broken, "alter database kinscape set default_transaction_read_only = on", end)
    try:
        answer = httpx.post(f"{broken.url}/api/v1/projects", json={"name": "none"}, timeout=30)
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert httpx.get(f"{broken.url}/api/v1/projects", timeout=30).status_code == 200
    finally:
        off = "alter database kinscape set default_transaction_read_only = off"
        admin(broken, "set default_transaction_read_only = off", off, end)
    until_ready(broken)
