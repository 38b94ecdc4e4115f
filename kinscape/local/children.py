"""Child programs: started from the main thread, watched, started again, stopped in order."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

# More than anybody reads, and less than a disk minds.
LONGEST_LOG = 32 << 20
CHILD_EXEC = Path(__file__).with_name("childexec.py")


def wrapped(argv: list[str], *, dies_by: str, as_user: bool = False) -> list[str]:
    """A command line for a program that ends with this process."""
    namespace = "yes" if as_user else "no"
    return [sys.executable, "-I", "-S", str(CHILD_EXEC), str(os.getpid()), dies_by, namespace, "--", *argv]


@dataclass
class Child:
    """A program that has to run.

    Attributes:
        stop_by: the signal that ends it cleanly.
        dies_by: the signal that the kernel sends when this process is gone; ``stop_by`` when empty.
        log: where its output goes.
    """

    name: str
    argv: list[str]
    log: Path
    stop_by: signal.Signals
    environment: dict[str, str]
    as_user: bool = False
    dies_by: str = ""
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start the program in a process group of its own."""
        self.starts.append(time.monotonic())
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                wrapped(self.argv, dies_by=self.dies_by or self.stop_by.name, as_user=self.as_user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd="/",
                start_new_session=True,
            )

    def rotate_log(self) -> None:
        """Begin a log anew that has become too long; what it held stays beside it, once.

        The program goes on writing to the same file, at its end, wherever that is.
        """
        if self.log.is_file() and self.log.stat().st_size > LONGEST_LOG:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)

    def is_running(self) -> bool:
        """Whether the program is there; a dead one is reaped."""
        return self.process is not None and self.process.poll() is None

    def starts_lately(self, *, within_s: float) -> int:
        """How often it was started lately."""
        return sum(time.monotonic() - s < within_s for s in self.starts)

    def stop(self, *, timeout_s: float) -> None:
        """Ask the program to end; end it when it does not listen."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_by)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        try:
            return self.log.read_text(errors="replace")[-2000:]
        except OSError:
            return ""
