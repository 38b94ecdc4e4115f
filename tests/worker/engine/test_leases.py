"""A lost job is left in the middle of a number, and nothing after it breaks."""

import threading
import time

import pytest
from sqlalchemy.exc import OperationalError

from kinscape.worker.engine.leases import Abandoned, leased


def test_a_lost_job_is_left_wherever_it_is() -> None:
    began = time.monotonic()

    def swallowing() -> None:
        while True:
            try:
                sum(range(1000))
            except Exception:  # noqa: BLE001  (what turns a broken number into a reason)
                continue

    with pytest.raises(Abandoned), leased(lambda: False, every_s=0.1) as lost:
        swallowing()
    assert lost.is_set()
    assert time.monotonic() - began < 5


def test_a_kept_job_goes_on_and_a_lost_database_is_no_lost_job() -> None:
    answers = iter([True, None, True])
    asked = threading.Event()

    def extend() -> bool:
        answer = next(answers, True)
        if answer is None:
            asked.set()
            raise OperationalError("select", {}, Exception("away"))
        return answer

    with leased(extend, every_s=0.02) as lost:
        assert asked.wait(5)
        time.sleep(0.1)
    assert not lost.is_set()


def test_losing_a_job_that_is_over_breaks_nothing() -> None:
    """The answer that it is lost comes when the job has just ended: many times, at every moment."""
    for k in range(60):
        with leased(lambda: False, every_s=10):
            time.sleep(0.0005 * (k % 4))
        sum(range(2000))
    slow = threading.Event()

    def late() -> bool:
        slow.set()
        time.sleep(0.05)
        return False

    try:
        with leased(late, every_s=0.01):
            assert slow.wait(5)
    except Abandoned:
        pytest.fail("a job that was over when its loss was told was abandoned")
    for _ in range(20):
        time.sleep(0.001)
