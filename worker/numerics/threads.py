"""Computations that do not need one another, on all cores."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import threadpoolctl
import torch

from kinscape.worker.numerics.progress import steps

Found = TypeVar("Found")
# Each task holds memory of its own, and memory bandwidth is shared.
MOST_AT_ONCE = 4
CPU = torch.device("cpu")
# While some tasks run, torch's number of threads is not the caller's.
_ALONE = threading.RLock()
_here = threading.local()


def side_by_side(tasks: Sequence[Callable[[], Found]], *, device: torch.device = CPU) -> list[Found]:
    """The results of some tasks, in their order; several run at once, in threads that share torch's and numpy's.

    An operation on a few megabytes gains little from a second thread; a whole computation gains all of it.
    What the first task that fails raises is raised, when those that had begun have ended; others do not begin. A
    task's own tasks run one by one; it must not wait for threads that ask for more.

    Args:
        device: what the tasks compute on; a card is busy with one at a time.
    """
    if getattr(_here, "is_task", False):
        return [task() for task in tasks]
    with _ALONE:
        threads = torch.get_num_threads()
        at_once = min(threads, len(tasks), MOST_AT_ONCE) if device.type == "cpu" else 1
        if at_once < 2:
            return [task() for task in steps(tasks)]
        each = threads // at_once
        try:
            with (
                threadpoolctl.threadpool_limits(each, user_api="blas"),
                ThreadPoolExecutor(at_once, initializer=_begin, initargs=(each,)) as pool,
            ):
                stop = threading.Event()
                begun = [pool.submit(_unless, stop, task) for task in tasks]
                try:
                    return [found.result() for found in steps(begun)]
                finally:
                    stop.set()
        finally:
            # A thread's number is also that of threads to come.
            torch.set_num_threads(threads)


def _unless(stop: threading.Event, task: Callable[[], Found]) -> Found:
    if stop.is_set():
        # Nobody sees it: what failed is raised instead.
        return cast(Found, None)
    try:
        return task()
    except BaseException:
        stop.set()
        raise


def _begin(threads: int) -> None:
    torch.set_num_threads(threads)
    _here.is_task = True
