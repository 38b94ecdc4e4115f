"""Whatever dies is started again, and the comparison ends with the same numbers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from kinscape import Client
from kinscape.client import Comparison, Project
from tests.conftest import Server, free_port

MEASURES = [
    "activation-distance",
    "linear-cka",
    "loss-barrier",
    "accuracy",
    "sam-sharpness-random-mean",
    "hessian-trace",
]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may break."""
    one = Server(tmp_path / "data", free_port()).start()
    yield one
    if one.process is not None and one.process.poll() is None:
        one.stop()


def asked(client: Client, name: str, networks: list[Path], probe: Path) -> tuple[Project, Comparison]:
    project = client.create_project(name)
    models = [project.upload_checkpoint(f, architecture="lenet", arguments={"classes": 10}) for f in networks]
    return project, project.compare(checkpoints=models, probe=project.upload_probe(probe), measures=MEASURES)


def numbers(comparison: Comparison) -> np.ndarray:
    pairs = [comparison.matrix(m).values.ravel() for m in MEASURES[:3]]
    return np.concatenate([*pairs, comparison.table(MEASURES[3:]).values.ravel()])


def wait_until_dead(pid: int) -> None:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return
        except OSError:
            return
        time.sleep(0.05)


@pytest.mark.fault("worker, Redis and web process killed")
def test_a_comparison_survives_its_worker_redis_and_web_process(
    own: Server, client: Client, networks: list[Path], digits_train: Path
) -> None:
    undisturbed = asked(client, f"undisturbed {time.monotonic_ns()}", networks, digits_train)[1].wait(timeout_s=200)
    with Client(own.url, "") as local:
        _, comparison = asked(local, "disturbed", networks, digits_train)
        for name in ("compute", "redis", "web"):
            time.sleep(1.5)
            victims = own.children()[name]
            assert victims, name
            # The busy process of a pool is its youngest.
            os.kill(max(victims), signal.SIGKILL)
            wait_until_dead(max(victims))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{own.url}/api/v1/health").json()["ready"]:
                    break
            except (httpx.TransportError, KeyError, ValueError):
                pass
            time.sleep(0.3)
        comparison.wait(timeout_s=200)
        assert comparison.status == "done", comparison.log
        assert np.allclose(numbers(comparison), numbers(undisturbed), rtol=1e-4, atol=1e-7, equal_nan=True)
    assert own.stop() < 10


@pytest.mark.fault("the launcher killed")
def test_killing_the_launcher_leaves_nothing_and_a_restart_goes_on(
    own: Server, networks: list[Path], digits_train: Path
) -> None:
    with Client(own.url, "") as local:
        _, comparison = asked(local, "half done", networks, digits_train)
        time.sleep(1)
    own.kill()
    deadline = time.monotonic() + 8
    while any(own.children().values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(own.children().values())
    own.start()
    with Client(own.url, "") as local:
        again = local.comparison(comparison.id).wait(timeout_s=200)
        assert again.status == "done"
        assert len(local.project("half done").checkpoints()) == len(networks)


def test_a_second_up_prints_the_address_and_a_busy_port_is_a_sentence(server: Server, tmp_path: Path) -> None:
    def up(data: Path) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "kinscape.cli",
            "up",
            "--data",
            str(data),
            "--port",
            str(server.port),
            "--no-browser",
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    second = up(server.data)
    assert (second.returncode, second.stdout.strip()) == (0, f"Kinscape is running at {server.url}")
    busy = up(tmp_path / "other")
    assert busy.returncode == 1
    assert f"Port {server.port} on 127.0.0.1 cannot be used" in busy.stderr
