"""Five hundred random kills while comparisons are computed: nothing is lost, nothing counted twice, all equal."""

import os
import random
import signal
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from kinscape import Client
from tests.conftest import Server
from tests.faults.test_crashes import asked, numbers, own

__all__ = ["own"]
KILLS = int(os.environ.get("KINSCAPE_KILLS", "500"))
KILLS_OF_ONE = 20
# The launcher ends everything when a program dies more than eight times a minute, which is another fault.
MOST_IN_A_MINUTE = 6
# Which programs start again with which: workers are renewed with Redis.
STARTS = {
    "postgres": ("postgres",),
    "redis": ("redis", "compute", "inspection"),
    "web": ("web",),
    "compute": ("compute",),
    "inspection": ("inspection",),
}


class Killer:
    """Ends a process of a server, chosen at random: mostly one that computes, now and then a whole program."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server, self.random = server, random.Random(seed)
        self.counts: dict[str, int] = {}
        self._lately: dict[str, deque[float]] = {name: deque() for name in STARTS}

    def kill(self) -> bool:
        """End one; False when there was none to end."""
        children = self.server.children()
        is_program = self.random.random() < 0.3
        name = self.random.choice(sorted(STARTS) if is_program else ["compute", "compute", "inspection"])
        pids = sorted(children[name])
        if is_program and self._may_start(name):
            victims, what = pids[:1], name
            for started in STARTS[name]:
                self._lately[started].append(time.monotonic())
        else:
            # The first process of a pool is its parent.
            victims, what = self.random.sample(pids[1:], min(1, len(pids[1:]))), f"a process of {name}"
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return False
            self.counts[what] = self.counts.get(what, 0) + 1
        return bool(victims)

    def _may_start(self, name: str) -> bool:
        for started in STARTS[name]:
            lately = self._lately[started]
            while lately and time.monotonic() - lately[0] > 60:
                lately.popleft()
        return all(len(self._lately[started]) < MOST_IN_A_MINUTE for started in STARTS[name])


def until_ready(server: Server) -> None:
    """Wait until every part answers."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{server.url}/api/v1/health", timeout=10).json()["ready"]:
                return
        except (httpx.HTTPError, KeyError, ValueError):
            pass
        time.sleep(0.3)
    raise AssertionError("not ready after two minutes")


def _was_killed(line: str) -> bool:
    return "died 3 times" in line or "broke on our side three times" in line


@pytest.mark.slow
@pytest.mark.fault("random kills of every process while comparisons are computed")
def test_random_kills_lose_nothing(
    own: Server, networks: list[Path], digits_train: Path, record_property: Callable[[str, object], None]
) -> None:
    with Client(own.url, "") as local:
        undisturbed = numbers(asked(local, "undisturbed", networks, digits_train)[1].wait(timeout_s=200))
    killer, killed, retried, worst = Killer(own, seed=17), 0, 0, 0.0
    rounds = -(-KILLS // KILLS_OF_ONE)
    for round in range(rounds):
        with Client(own.url, "") as local:
            _, comparison = asked(local, f"disturbed {round}", networks, digits_train)
            number, before = comparison.id, killed
            while killed < before + KILLS_OF_ONE:
                assert own.process is not None
                assert own.process.poll() is None, "the launcher gave up"
                killed += killer.kill()
                time.sleep(killer.random.uniform(0.05, 0.6))
        until_ready(own)
        with Client(own.url, "") as local:
            comparison = local.comparison(number).wait(timeout_s=400)
            while comparison.status == "failed" and all(_was_killed(line) for line in comparison.log):
                # Pieces that were killed three times in a row say so, and are asked again.
                retried += 1
                comparison.retry()
                comparison.wait(timeout_s=400)
            assert comparison.status == "done", comparison.log
            again = numbers(comparison)
            assert np.array_equal(np.isnan(again), np.isnan(undisturbed))
            worst = max(worst, float(np.nanmax(np.abs(again - undisturbed) / np.maximum(np.abs(undisturbed), 1e-9))))
            assert worst < 1e-4
    with Client(own.url, "") as local:
        projects = [p for p in local.projects() if p.name.startswith("disturbed")]
        assert len(projects) == rounds
        assert all(len(p.checkpoints()) == len(networks) and len(p.comparisons()) == 1 for p in projects)
    whom = ", ".join(f"{count} of {name}" for name, count in sorted(killer.counts.items()))
    record_property("told", f"{killed} kills ({whom}), {rounds} comparisons, {retried} asked again, worst {worst:.1e}")
