"""The database of a data folder, whether or not Kinscape runs on it."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kinscape.local import programs
from kinscape.local.programs import CannotStart

READY_S = 60


@contextmanager
def opened(data: Path) -> Iterator[str]:
    """SQLAlchemy's URL of a data folder's database, which is started for as long where it is not running.

    Raises:
        CannotStart: Postgres does not start; the sentence says where to look.
    """
    run = programs.run_folder(data)
    with (data / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Whoever runs Kinscape there runs its database, too.
            yield programs.database_url(run)
            return
        folder = data / "postgres"
        (data / "logs").mkdir(exist_ok=True, mode=0o700)
        programs.make_cluster(folder)
        programs.clear_stale(folder, run)
        child = programs.postgres(folder, run, data / "logs" / "postgres.log")
        child.start()
        try:
            deadline = time.monotonic() + READY_S
            while not programs.is_postgres_ready(child, folder):
                if not child.is_running() or time.monotonic() > deadline:
                    raise CannotStart(f"Postgres does not start on {folder}: see {child.log}")
                time.sleep(0.05)
            programs.make_database(run)
            yield programs.database_url(run)
        finally:
            child.stop(timeout_s=30)


def is_running(data: Path) -> bool:
    """Whether Kinscape runs on a data folder now."""
    if not data.is_dir():
        return False
    try:
        with (data / "lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
