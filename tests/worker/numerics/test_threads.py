"""Computations side by side give what they give one after the other."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import threadpoolctl
import torch

from kinscape import matrices, measure, measures
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.numerics.progress import told
from kinscape.worker.numerics.threads import side_by_side


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def threads_of_a_new_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.usefixtures("two_threads")
def test_tasks_run_at_once_and_share_the_threads() -> None:
    meet = threading.Barrier(2, timeout=20)

    def task(number: int) -> tuple[int, int]:
        meet.wait()  # only two that run at once get past
        return number, torch.get_num_threads()

    assert side_by_side([lambda: task(1), lambda: task(2)]) == [(1, 1), (2, 1)]
    assert torch.get_num_threads() == threads_of_a_new_thread() == 2


@pytest.mark.usefixtures("two_threads")
def test_what_a_task_raises_is_raised_and_threads_are_given_back() -> None:
    def broken() -> int:
        raise ValueError("no number")

    with pytest.raises(ValueError, match="no number"):
        side_by_side([lambda: 1, broken, lambda: 3])
    ran: list[int] = []
    slow = [lambda: time.sleep(0.05)] * 2
    with pytest.raises(ValueError, match="no number"):
        side_by_side([*slow, broken, *slow, *[lambda: ran.append(1)] * 50])
    assert not ran
    assert torch.get_num_threads() == threads_of_a_new_thread() == 2


@pytest.mark.usefixtures("two_threads")
def test_products_of_numpy_take_one_thread_each_meanwhile() -> None:
    def threads() -> set[int]:
        return {lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"}

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        assert side_by_side([threads, threads]) == [{1}, {1}]
        assert threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_tasks_of_a_task_run_one_by_one() -> None:
    def task(number: int) -> list[int]:
        return side_by_side([lambda: number, lambda: number + 1])

    for threads in (2, 1):
        torch.set_num_threads(threads)
        assert side_by_side([lambda: task(1), lambda: task(3)]) == [[1, 2], [3, 4]]


@pytest.mark.usefixtures("two_threads")
def test_a_listener_hears_of_every_task() -> None:
    heard: list[float] = []
    with told(heard.append):
        side_by_side([lambda: 1] * 4)
    assert heard == [0.25, 0.5, 0.75, 1]


@pytest.mark.usefixtures("two_threads")
def test_callers_at_the_same_time_leave_the_threads_as_they_were() -> None:
    callers = [threading.Thread(target=lambda: side_by_side([lambda: 1, lambda: 2, lambda: 3])) for _ in range(8)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert torch.get_num_threads() == threads_of_a_new_thread() == 2


@pytest.mark.usefixtures("two_threads")
def test_measures_asked_together_are_those_asked_alone() -> None:
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (60,), generator=rng)
    logits = [torch.randn(60, 4, generator=rng, dtype=torch.float64) for _ in range(4)]
    slugs = [s for s, c in measures().items() if c.family == "functional" and not c.references[0]]
    together = matrices(slugs, logits, labels=labels)
    assert list(together) == slugs
    for slug in slugs:
        alone = measure(slug).matrix(logits, labels=labels)
        for one in ("values", "low", "high"):
            assert np.allclose(getattr(together[slug], one), getattr(alone, one), atol=1e-12, equal_nan=True), slug
    with pytest.raises(Unprocessable, match="needs labels"):
        matrices(slugs, logits)
