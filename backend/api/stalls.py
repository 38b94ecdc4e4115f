"""Work that nobody takes: workers seem to be there, and nothing moves."""

import time
from collections.abc import Callable

from kinscape.backend.contracts.jobs import Queue

# Longer than any worker needs to start, or to take the next job.
STALLED_S = 60.0


class Stalls:
    """Watches, look by look, whether the first waiting job of each queue stays the first while nothing runs."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since: dict[Queue, tuple[int, float]] = {}

    def look(self, waiting: dict[Queue, int]) -> None:
        """Take note of one moment.

        Args:
            waiting: the first waiting job of each queue of which no job runs.
        """
        began = {queue: self._since.get(queue, (job, self._now())) for queue, job in waiting.items()}
        self._since = {q: (job, began[q][1] if began[q][0] == job else self._now()) for q, job in waiting.items()}

    @property
    def queues(self) -> list[Queue]:
        """Queues in which nothing has moved for too long."""
        return [queue for queue, (_, since) in self._since.items() if self._now() - since >= STALLED_S]
