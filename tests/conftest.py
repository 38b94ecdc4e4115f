"""One real Kinscape for all tests: Postgres, Redis, web and workers, started as a user would."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from kinscape import Client, build
from kinscape.client import Project
from kinscape.local import programs

READY_S = 90
# Tensors here are tiny, and workers of the server under test want the other core.
torch.set_num_threads(1)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A running `kinscape up`."""

    data: Path
    port: int
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    line: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sockets(self) -> str:
        return str(programs.run_folder(self.data))

    def kill(self) -> None:
        """SIGKILL to the launcher alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()

    def start(self) -> "Server":
        command = [sys.executable, "-m", "kinscape.cli", "up", "--data", str(self.data), "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--no-browser", *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **self.environment},
        )
        assert self.process.stdout is not None
        deadline = time.monotonic() + READY_S
        lines = []
        while time.monotonic() < deadline:
            line = self.process.stdout.readline()
            lines.append(line)
            if "running at" in line or not line:
                break
        assert "running at" in lines[-1], "".join(lines)
        self.line = lines[-1].strip()
        return self

    def stop(self) -> float:
        """SIGTERM; the seconds until it was gone."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.close()
        return time.monotonic() - began

    def children(self) -> dict[str, list[int]]:
        """Processes of this server by what they are, zombies left out."""
        found: dict[str, list[int]] = {"postgres": [], "redis": [], "web": [], "compute": [], "inspection": []}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                text = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (entry / "environ").read_bytes().decode(errors="replace")
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            marks = (str(self.data) in text, self.sockets in text, f"KINSCAPE_FILES={self.data}" in environment)
            if state == "Z" or not any(marks):
                continue
            for name, mark in {
                "postgres": "bin/postgres -D",
                "redis": "redis-server",
                "web": "kinscape.serve",
                "compute": "--queues compute",
                "inspection": "--queues inspection",
            }.items():
                if mark in text:
                    found[name].append(int(entry.name))
        return found


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on loopback, shared by all tests that do not break it."""
    own = ["--networks", str(Path(__file__).with_name("own_networks.py"))]
    environment = {"KINSCAPE_FRAMES": "http://127.0.0.1:*"}
    one = Server(tmp_path_factory.mktemp("kinscape") / "data", free_port(), own, environment).start()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[Client]:
    """A client of the shared server."""
    with Client(server.url, "") as one:
        yield one


@pytest.fixture
def project(client: Client, request: pytest.FixtureRequest) -> Project:
    """A fresh project."""
    return client.create_project(f"{request.node.name[:120]} {time.monotonic_ns()}")


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of six small networks that differ by seed, quickly trained so that they agree a little."""
    return save_networks(tmp_path_factory.mktemp("networks"), 6)


def save_networks(folder: Path, count: int, *, metadata: bool = True) -> list[Path]:
    """Safetensors files of lenets after a few steps on random digits."""
    from kinscape.worker.loading.builtin import digits

    x, y = (torch.from_numpy(a) for a in digits("train"))
    files = []
    for seed in range(count):
        torch.manual_seed(seed)
        model = build("lenet", classes=10)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for rows in torch.randperm(len(x))[:1280].split(32):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()
        path = folder / f"net_seed{seed}_sgd.safetensors"
        about = {"architecture": "lenet", "classes": "10"} if metadata else None
        save_file(model.state_dict(), path, metadata=about)
        files.append(path)
    return files


@pytest.fixture(scope="session")
def probe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred digits as an .npz."""
    from kinscape.worker.loading.builtin import digits

    x, y = digits("held-out")
    path = tmp_path_factory.mktemp("probe") / "digits.npz"
    np.savez(path, x=x[:200], y=y[:200])
    return path


@pytest.fixture(scope="session")
def digits_train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred training digits as an .npz."""
    from kinscape.worker.loading.builtin import digits

    x, y = digits("train")
    path = tmp_path_factory.mktemp("probe") / "digits-train.npz"
    np.savez(path, x=x[:300], y=y[:300])
    return path


def pytest_configure(config: pytest.Config) -> None:
    """Tests of faults end with a table of them."""
    from tests.faults.table import FaultTable

    config.pluginmanager.register(FaultTable(), "faults")
