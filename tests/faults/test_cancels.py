"""Two thousand cancels and deletes against jobs that finish at that moment."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kinscape import Client
from kinscape.client import ClientError, Project
from tests.conftest import Server, free_port

TRIES = int(os.environ.get("KINSCAPE_CANCELS", "2000"))
VISITORS = 4
RETRIED = 10


def disturb(server: Server, project: str, tries: int, seed: int) -> Counter[str]:
    """Ask, and cancel or delete a moment later, so often; what came of it."""
    out: Counter[str] = Counter()
    chance = random.Random(seed)
    with Client(server.url, "") as client:
        mine = client.project(project)
        checkpoints, (probe,) = mine.checkpoints(), mine.probes()
        for number in range(tries):
            asked = mine.compare(
                checkpoints=checkpoints,
                probe=probe,
                measures=["disagreement", "sam-sharpness-random-mean"],
                seed=1 + number + 100_000 * seed,
                precision="float32",
            )
            time.sleep(chance.choice((0.0, chance.uniform(0, 0.1), chance.uniform(0, 0.6))))
            is_deleted = chance.random() < 0.4
            try:
                asked.delete() if is_deleted else asked.cancel()
            except ClientError as error:
                # One that ended in this moment cannot be cancelled, and says so.
                out[f"refused: {str(error)[:60]}"] += 1
            else:
                out["deleted" if is_deleted else "cancelled"] += 1
    return out


def cast(client: Client, name: str, networks: list[Path], probe_file: Path) -> Project:
    """A project of two networks."""
    project = client.create_project(name)
    for path in networks[:2]:
        project.upload_checkpoint(path)
    project.upload_probe(probe_file)
    return project


@pytest.mark.slow
@pytest.mark.fault("cancels and deletes in the moment in which jobs finish")
def test_cancels_and_deletes_against_finishing_jobs(
    tmp_path: Path, networks: list[Path], probe_file: Path, record_property: Callable[[str, object], None]
) -> None:
    server = Server(tmp_path / "data", free_port()).start()
    try:
        with Client(server.url, "") as client:
            names = [cast(client, f"visitor {k}", networks, probe_file).name for k in range(VISITORS)]
        with ThreadPoolExecutor(VISITORS) as pool:
            tried = [pool.submit(disturb, server, name, TRIES // VISITORS, k) for k, name in enumerate(names)]
            found = sum((one.result() for one in tried), Counter())
        with Client(server.url, "") as client:
            left = [c for name in names for c in client.project(name).comparisons()]
            states = Counter(str(c.status) for c in left)
            again = [c for c in left if c.status == "cancelled"][:RETRIED]
            for comparison in again:
                comparison.retry()
                assert comparison.wait(timeout_s=200).status == "done", comparison.log
        assert not states["failed"]
        assert not any("503" in what or "does not answer" in what for what in found), found
        log = (server.data / "logs" / "postgres.log").read_text()
        assert "deadlock" not in log
        counts = ", ".join(f"{count} {what}" for what, count in found.most_common())
        record_property("told", f"{counts}; {len(again)} asked again and done")
    finally:
        server.stop()
