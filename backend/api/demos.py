"""Training the networks of a demo study, in a program of its own beside the server."""

import os
import re
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, field

from kinscape.backend.contracts.demos import DemoState
from kinscape.backend.contracts.problems import Conflict

PROGRAM = "kinscape.demo.running"
TRAINED = re.compile(r"demo: (\d+)/(\d+) ")
# The last lines tell how far it is, and why it ended.
LINES = 20
STOP_S = 5


@dataclass(frozen=True)
class Progress:
    """How far the networks of a demo are, and why they broke off."""

    state: DemoState
    trained: int = 0
    networks: int = 0
    reason: str = ""


@dataclass
class _Run:
    """A program that trains, with what it said last."""

    template: str
    process: subprocess.Popen[str]
    said: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))

    def listen(self) -> None:
        """Take its lines until it ends: a full pipe would hold it up."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())


@dataclass
class DemoRuns:
    """The demo that is trained, one at a time, and how the last one ended."""

    _run: _Run | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, template: str, *, url: str, token: str) -> None:
        """Train what a template needs and run its study, through the API of the server at ``url``.

        Raises:
            Conflict: another demo is trained.
        """
        with self._lock:
            if self._run is not None and self._run.process.poll() is None:
                if self._run.template == template:
                    return
                raise Conflict(f"Networks of the demo {self._run.template} are trained now: wait until they are done.")
            process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM, url, template],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "KINSCAPE_TOKEN": token, "OMP_NUM_THREADS": "1"},
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._run = _Run(template, process)
            threading.Thread(target=self._run.listen, name="demo", daemon=True).start()

    def progress(self, template: str) -> Progress:
        """How far the networks of a template are, as far as this server trained them."""
        with self._lock:
            run = self._run
        if run is None or run.template != template:
            return Progress(DemoState.ABSENT)
        said, code = list(run.said), run.process.poll()
        counts = [found for line in said if (found := TRAINED.match(line))]
        trained, networks = (int(n) for n in counts[-1].groups()) if counts else (0, 0)
        if code is None:
            return Progress(DemoState.TRAINING, trained, networks)
        if code:
            return Progress(DemoState.BROKEN, trained, networks, said[-1] if said else f"It ended with {code}.")
        return Progress(DemoState.ENDED, trained, networks)

    def close(self) -> None:
        """End what is trained; what is there by then stays."""
        with self._lock:
            run, self._run = self._run, None
        if run is None:
            return
        run.process.terminate()
        try:
            run.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            run.process.kill()
            run.process.wait()
