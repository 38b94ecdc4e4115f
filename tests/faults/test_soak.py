"""Half an hour of asking, cancelling, sharing and deleting: no process grows, and nothing is left behind."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg import sql

from kinscape import Client
from kinscape.client import ClientError
from tests.conftest import Server, free_port

MINUTES = float(os.environ.get("KINSCAPE_SOAK_MINUTES", "30"))
MEASURES = ["disagreement", "linear-cka", "sam-sharpness-random-mean", "accuracy"]
# Cards, workers and what was changed by whom stay; so does what the reconciler measured.
LASTING = ("alembic_version", "events", "timings", "workers", "cards", "architectures")
# What Python and malloc keep for the next time.
SLACK_BYTES = 60 << 20


def resident_bytes(server: Server) -> dict[str, int]:
    """Memory of the largest process of each kind that is its own, by what it is."""
    out = {}
    for name, pids in server.children().items():
        sizes = [0]
        for pid in pids:
            try:
                pages = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            sizes += [1024 * int(line.split()[1]) for line in pages.splitlines() if line.startswith("Pss:")]
        out[name] = max(sizes)
    return out


def rows(server: Server) -> dict[str, int]:
    """How many rows each table has."""
    with psycopg.connect(host=server.sockets, user="kinscape", dbname="kinscape") as connection:
        found = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        counts = {}
        for (name,) in found:
            query = sql.SQL("select count(*) from {}").format(sql.Identifier(name))
            (counts[name],) = connection.execute(query).fetchone() or (0,)
    return {name: count for name, count in counts.items() if name not in LASTING}


def files(server: Server) -> int:
    """Bytes of stored files, without the cache, which has a limit of its own."""
    folder = server.data / "files"
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and "cache" not in p.parts)


def eight_days_later(server: Server) -> None:
    """Make everything eight days older, as far as housekeeping asks."""
    with psycopg.connect(host=server.sockets, user="kinscape", dbname="kinscape") as connection:
        query = (
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'public' and data_type = 'timestamp with time zone'"
        )
        for table, column in connection.execute(query).fetchall():
            if table in LASTING:
                continue
            text = "update {} set {} = {} - interval '8 days'"
            names = (sql.Identifier(table), sql.Identifier(column), sql.Identifier(column))
            connection.execute(sql.SQL(text).format(*names))
    then = time.time() - 8 * 86400
    for path in (server.data / "files").rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def live_a_day(client: Client, chance: random.Random, folder: Path, number: int) -> None:
    """What a group does in a day, in seconds: nothing of it stays."""
    project = client.create_project(f"soak {number}")
    for k in range(3):
        path = folder / f"{k}.npz"
        shapes = {"fc1.weight": (32, 64), "fc1.bias": (32,), "fc2.weight": (10, 32), "fc2.bias": (10,)}
        np.savez(path, **{n: np.random.default_rng(31 * number + k).normal(size=s) for n, s in shapes.items()})
        project.upload_checkpoint(path, name=f"net {k}")
    samples = np.random.default_rng(number)
    np.savez(folder / "p.npz", x=samples.normal(size=(64, 64)).astype(np.float32), y=samples.integers(0, 10, 64))
    probe = project.upload_probe(folder / "p.npz")
    weights = project.compare(checkpoints=project.checkpoints(), probe=probe, measures=["weight-cosine", "stable-rank"])
    weights.wait(timeout_s=120, show=False)
    url = weights.share().url
    assert url is not None
    weights.matrix("weight-cosine")
    if chance.random() < 0.5:
        other = project.compare(checkpoints=project.checkpoints()[:2], probe=probe, measures=["alpha"])
        try:
            other.cancel()
        except ClientError:
            # It was faster.
            other.wait(timeout_s=60, show=False)
    for share in weights.shares():
        share.revoke()
    project.delete()


@pytest.mark.slow
@pytest.mark.fault("half an hour of asking, cancelling, sharing and deleting")
def test_nothing_grows_and_nothing_stays(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    server = Server(tmp_path / "data", free_port()).start()
    chance = random.Random(3)
    try:
        with Client(server.url, "") as client:
            number, began, seen = 0, time.monotonic(), []
            while time.monotonic() - began < 60 * MINUTES:
                live_a_day(client, chance, tmp_path, number)
                number += 1
                seen.append((time.monotonic() - began, resident_bytes(server)))
                if number == 1:
                    eight_days_later(server)
                    client.collect()
                    first_rows, first_bytes = rows(server), files(server)
            # Jobs of deleted projects may still be ending.
            time.sleep(10)
            eight_days_later(server)
            client.collect()
            last_rows, last_bytes = rows(server), files(server)
        settled = [memory for second, memory in seen if second > 0.3 * seen[-1][0]]
        head, tail = settled[: len(settled) // 4 + 1], settled[-len(settled) // 4 - 1 :]
        growth = {
            name: max(m[name] for m in tail) - max(m[name] for m in head)
            for name in ("web", "compute", "inspection", "redis")
        }
        told = ", ".join(f"{name} {value / 2**20:+.0f} MiB" for name, value in growth.items())
        left = {name: (first_rows[name], count) for name, count in last_rows.items() if count > first_rows[name]}
        record_property("told", f"{number} projects in {seen[-1][0] / 60:.0f} min; {told}; rows left {left or 'none'}")
        assert not left
        assert last_bytes <= first_bytes
        assert all(value < SLACK_BYTES for value in growth.values()), told
    finally:
        server.stop()
