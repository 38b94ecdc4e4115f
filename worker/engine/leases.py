"""Keeping a job, and leaving it in the middle of a number when it is lost."""

import ctypes
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

# How long a cancelled job keeps its worker at most, beside one step of its computation; well below a third of a lease
# (backend/store/jobs.py).
BEAT_S = 2.0
log = logging.getLogger("kinscape.worker")


class Abandoned(BaseException):
    """The job is no longer ours: cancelled, or given to somebody else.

    No Exception: what turns a broken number into a reason must not take this for one.
    """


@contextmanager
def leased(extend: Callable[[], bool], *, every_s: float = BEAT_S) -> Iterator[threading.Event]:
    """Keep a job's lease alive; when it is lost, the computation inside is left wherever it is.

    Args:
        extend: keeps the lease; False when the job is no longer ours.

    Returns:
        an event that is set when the job is lost.

    Raises:
        Abandoned: in the thread that entered, at its next step.
    """
    lost, over, ending = threading.Event(), threading.Event(), threading.Lock()
    owner = threading.get_ident()

    def beat() -> None:
        while not over.wait(every_s):
            try:
                if extend():
                    continue
            except SQLAlchemyError as error:
                log.warning("lease.failed error=%s", type(error).__name__)
                continue
            lost.set()
            with ending:
                # Once the job is over, nothing must break what comes after it.
                if not over.is_set():
                    _raise_in(owner)
            return

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        with ending:
            over.set()
        thread.join()


def _raise_in(thread: int) -> None:
    """Raise ``Abandoned`` in a thread before its next instruction; a call into a library is finished first."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Abandoned))
