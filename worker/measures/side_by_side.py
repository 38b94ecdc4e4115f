"""Computations that do not need one another, on all cores."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import threadpoolctl
import torch

Found = TypeVar("Found")
MOST_AT_ONCE = 4
# While some tasks run, torch's number of threads is not the caller's.
_ALONE = threading.RLock()


def side_by_side(tasks: Sequence[Callable[[], Found]]) -> list[Found]:
    """The results of some tasks, in their order; several run at once, in threads that share torch's and numpy's.

    An operation on a few megabytes gains little from a second thread; a whole computation gains all of it.
    What the first task that fails raises is raised, when all have ended.
    """
    with _ALONE:
        threads = torch.get_num_threads()
        at_once = min(threads, len(tasks), MOST_AT_ONCE)
        if at_once < 2:
            return [task() for task in tasks]
        each = threads // at_once
        try:
            with (
                threadpoolctl.threadpool_limits(each, user_api="blas"),
                ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(each,)) as pool,
            ):
                return list(pool.map(lambda task: task(), tasks))
        finally:
            # A thread's number is also that of threads to come.
            torch.set_num_threads(threads)
