"""`kinscape up`: start every part, keep them running, stop them in order."""

import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kinscape.local import programs
from kinscape.local.childexec import NO_USER_NAMESPACE
from kinscape.local.children import Child
from kinscape.local.programs import CannotStart
from kinscape.local.tokens import read_token, running_address, with_token

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104
# The queues of workers, named as their programs are.
QUEUES = ("compute", "inspection")
# While one slow file is read, others go on.
INSPECTIONS = 2
# Importing torch from a cold, slow disk takes the better part of a minute.
READY_S = 120
# A program that fell over so often within a minute will fall over again: its log says more than another start.
TOO_OFTEN = 8
# A piece of Postgres' log, twice: with less it cannot start.
ROOM_TO_START_BYTES = 32 << 20
ROTATE_EVERY_S = 60
# More processes than this wait for the same memory bandwidth.
MOST_WORKERS = 4
# torch and scipy take 0.4 GiB, a batch of forward passes and its matrices up to 2.5 GiB.
GIBIBYTES_PER_WORKER = 3


@dataclass(frozen=True)
class LaunchOptions:
    """What was asked for on the command line."""

    data: Path
    host: str
    port: int
    public_url: str
    workers: int
    token: str
    networks: tuple[Path, ...] = ()
    token_file: Path | None = None


def usual_workers() -> int:
    """How many worker processes suit this machine.

    Small networks keep one core busy and no more, so cores are better shared by processes than by threads; a GPU
    is better left to one.
    """
    if Path("/dev/nvidiactl").exists():
        return 1
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return max(1, min(cores(), MOST_WORKERS, gibibytes // GIBIBYTES_PER_WORKER))


def cores() -> int:
    """Processor cores that this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Launcher:
    """Owns the data folder and all children; runs in the main thread."""

    def __init__(self, options: LaunchOptions) -> None:
        self.options = options
        self.data = options.data
        self.children: list[Child] = []
        self._stopping = False
        self._told_of_full_disk = False
        for folder in ("postgres", "redis", "files", "logs"):
            (self.data / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        # A folder that was there already may be open to everybody.
        self.data.chmod(0o700)
        self.run = programs.run_folder(self.data)
        self._lock = (self.data / "lock").open("a+")

    @property
    def url(self) -> str:
        """The address that browsers use."""
        if self.options.public_url:
            return self.options.public_url.rstrip("/")
        host = socket.gethostname() if self.options.host in EVERYWHERE else self.options.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.options.port}"

    def lock(self) -> str | None:
        """Take the data folder; when another launcher has it, its URL."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            for _ in range(200):
                try:
                    return running_address(self.data)
                except (OSError, ValueError, KeyError):
                    time.sleep(0.1)
            raise CannotStart(f"Another kinscape uses {self.data} and does not answer.") from None
        (self.data / "running.json").unlink(missing_ok=True)
        return None

    def start(self) -> None:
        """Start everything, in order, and wait until it is ready."""
        self._check_port()
        programs.check_networks(self.options.networks)
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        folder = self.data / "postgres"
        programs.make_cluster(folder)
        programs.clear_stale(folder, self.run)
        database = programs.postgres(folder, self.run, self.data / "logs" / "postgres.log")
        broker = programs.redis(self.data / "redis", self.run, self.data / "logs" / "redis.log")
        self.children = [database, broker]
        broker.start()
        database.start()
        self._wait(lambda: programs.is_postgres_ready(database, folder), "Postgres", [database])
        self._wait((self.run / "redis.sock").exists, "Redis", [broker])
        programs.make_database(self.run)
        self._migrate()
        own = [*self._workers(), self._web()]
        self.children += own
        for child in own:
            child.start()
        self._wait(self._is_ready, "Kinscape", own)
        running = self.data / "running.json"
        # It holds the owner's token.
        handle = os.open(running, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            token_file = str(self.options.token_file or "")
            address = self.url if token_file else self.address()
            file.write(json.dumps({"url": address, "token_file": token_file, "pid": os.getpid()}))

    def address(self) -> str:
        """The address to open, with the owner's token where one is needed."""
        file = self.options.token_file
        return with_token(self.url, read_token(file) if file else self.options.token)

    def watch(self, *, each_second: Callable[[], None] | None = None) -> int:
        """Start dead children again until a signal comes; the exit status."""
        rotated = time.monotonic()
        while not self._stopping:
            for child in self.children:
                if not child.is_running() and not self._stopping:
                    if not self._has_room(child):
                        continue
                    if child.starts_lately(within_s=60) > TOO_OFTEN:
                        print(f"{child.name} keeps dying; see {child.log}", file=sys.stderr)
                        return 1
                    print(f"{child.name} died and is started again", file=sys.stderr)
                    if child.name == "postgres":
                        programs.clear_stale(self.data / "postgres", self.run)
                    child.start()
                    if child.name == "redis":
                        self._renew_workers()
            if time.monotonic() - rotated > ROTATE_EVERY_S:
                rotated = time.monotonic()
                self._look_after()
            if each_second is not None:
                each_second()
            time.sleep(0.25)
        return 0

    def _look_after(self) -> None:
        """Begin long logs anew, and end workers that live and take no work: stopped, or waiting for what never comes.

        The watch starts them again.
        """
        for child in self.children:
            child.rotate_log()
        if not self._health().get("moves", True):
            print("Work waits and no worker takes it: the workers are started again", file=sys.stderr)
            self._renew_workers()

    def _has_room(self, child: Child) -> bool:
        """Whether a program that died could write anything; on a full disk it would die again at once."""
        if shutil.disk_usage(self.data).free >= ROOM_TO_START_BYTES:
            self._told_of_full_disk = False
            return True
        if not self._told_of_full_disk:
            print(f"{child.name} died and the disk of {self.data} is full: it is started again when there is room")
            self._told_of_full_disk = True
        return False

    def _renew_workers(self) -> None:
        """End the workers: one that answers a broker in the moment in which it dies may wait for ever.

        The watch starts them again; their jobs are leased and go on.
        """
        for child in self.children:
            if child.name in QUEUES:
                child.stop(timeout_s=1)

    def stop(self) -> None:
        """Stop web and workers, then Redis, then Postgres."""
        (self.data / "running.json").unlink(missing_ok=True)
        rest = [c for c in self.children if c.name not in ("postgres", "redis")]
        for child in rest:
            if child.is_running() and child.process is not None:
                child.process.send_signal(child.stop_by)
        deadline = time.monotonic() + 4
        for child in rest:
            child.stop(timeout_s=max(0.1, deadline - time.monotonic()))
        for child in reversed(self.children[:2]):
            child.stop(timeout_s=3)

    def _on_signal(self, *_: object) -> None:
        self._stopping = True

    def _check_port(self) -> None:
        family = socket.AF_INET6 if ":" in self.options.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.options.host, self.options.port))
            except OSError as error:
                raise CannotStart(
                    f"Port {self.options.port} on {self.options.host} cannot be used ({error.strerror}): "
                    f"choose another one with --port {self.options.port + 1}."
                ) from error

    def _environment(self) -> dict[str, str]:
        threads = str(max(1, cores() // self.options.workers))
        return {
            **os.environ,
            "KINSCAPE_DATABASE_URL": programs.database_url(self.run),
            "KINSCAPE_BROKER_URL": programs.broker_url(self.run),
            "KINSCAPE_FILES": str(self.data / "files"),
            "KINSCAPE_HOST": self.options.host,
            "KINSCAPE_PORT": str(self.options.port),
            "KINSCAPE_PUBLIC_URL": self.url,
            "KINSCAPE_TOKEN": self.options.token,
            **({"KINSCAPE_TOKEN_FILE": str(self.options.token_file)} if self.options.token_file else {}),
            "KINSCAPE_THREADS": threads,
            "KINSCAPE_NETWORKS": os.pathsep.join(str(p.resolve()) for p in self.options.networks),
            "PYTHONUNBUFFERED": "1",
            # Waiting threads spin for about a millisecond and then sleep: those that spin on starve the neighbours when
            # cores are few, and those that sleep at once take twice the time for small networks.
            "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "20000"),
        }

    def _migrate(self) -> None:
        child = Child(
            "migrate",
            [sys.executable, "-m", "kinscape.migrate"],
            self.data / "logs" / "migrate.log",
            signal.SIGTERM,
            self._environment(),
        )
        child.start()
        assert child.process is not None
        if child.process.wait(60):
            raise CannotStart(f"The database could not be migrated: {child.last_words()[-600:]}")

    def _workers(self) -> list[Child]:
        out = []
        for queue, count in zip(QUEUES, (self.options.workers, INSPECTIONS), strict=True):
            argv = [
                sys.executable,
                "-m",
                "celery",
                "-A",
                "kinscape.worker.tasks",
                "worker",
                "--queues",
                queue,
                "--concurrency",
                str(count),
                "--hostname",
                f"{queue}@{self.run.name}",
                "--loglevel",
                "WARNING",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
            ]
            # SIGQUIT ends a busy worker at once; its jobs are leased and go on elsewhere.
            # A worker that looks for a broker that is gone does not listen to it, hence the SIGKILL.
            log = self.data / "logs" / f"{queue}.log"
            out.append(Child(queue, argv, log, signal.SIGQUIT, self._environment(), dies_by="SIGKILL"))
        return out

    def _web(self) -> Child:
        argv = [sys.executable, "-m", "kinscape.serve"]
        return Child("web", argv, self.data / "logs" / "web.log", signal.SIGTERM, self._environment())

    def _health(self) -> dict[str, bool | int]:
        """What the web process says of all parts; nothing while it does not answer."""
        host = "127.0.0.1" if self.options.host in EVERYWHERE else self.options.host
        host = f"[{host}]" if ":" in host else host
        try:
            with urllib.request.urlopen(f"http://{host}:{self.options.port}/api/v1/health", timeout=5) as answer:
                return dict(json.load(answer))
        except (OSError, ValueError, urllib.error.URLError):
            return {}

    def _is_ready(self) -> bool:
        health = self._health()
        if not health:
            return False
        # Work that waits from before is taken when all is there.
        return bool(health["broker"]) and bool(health["measures"]) and int(health["workers"]) >= 1

    def _wait(self, is_ready: Callable[[], bool], what: str, needed: list[Child]) -> None:
        deadline = time.monotonic() + READY_S
        while not is_ready():
            if self._stopping:
                raise CannotStart("Stopped while starting.")
            for child in needed:
                if not child.is_running():
                    code = child.process.returncode if child.process else None
                    if code == NO_USER_NAMESPACE:
                        raise CannotStart(programs.NO_NAMESPACE)
                    raise CannotStart(f"{child.name} ended at once. Its log says:\n{child.last_words()}")
            if time.monotonic() > deadline:
                raise CannotStart(f"{what} was not ready after {READY_S} s; see {self.data / 'logs'}.")
            time.sleep(0.05)


def up(options: LaunchOptions, *, open_browser: bool, then: Callable[[str], None] | None = None) -> int:
    """Start Kinscape and stay until told to stop; the exit status."""
    try:
        launcher = Launcher(options)
        running = launcher.lock()
    except CannotStart as sentence:
        print(f"kinscape: {sentence}", file=sys.stderr)
        return 1
    if running is not None:
        print(f"Kinscape is running at {running}", flush=True)
        return 0
    try:
        launcher.start()
        print(f"Kinscape is running at {launcher.address()}", flush=True)
        if open_browser:
            webbrowser.open(launcher.address())
        if then is not None:
            then(launcher.url)
        return launcher.watch()
    except CannotStart as sentence:
        print(f"kinscape: {sentence}", file=sys.stderr)
        return 1
    finally:
        launcher.stop()
