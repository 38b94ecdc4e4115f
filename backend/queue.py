"""Waking workers through Celery; the message carries only the number of a job."""

import logging
from collections.abc import Sequence
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from kinscape.backend.contracts.jobs import JobKind, Queue

TASK = "kinscape.job"
log = logging.getLogger("kinscape.queue")

# A wake-up that takes longer is lost and sent again by the reconciler.
PATIENCE_S = 3
SETTINGS: dict[str, Any] = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "task_ignore_result": True,
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_backend": None,
    "broker_transport_options": {
        # Longer than any job may take, so that Redis never hands a running one to a second worker.
        "visibility_timeout": 12 * 3600,
        "socket_connect_timeout": 5,
        "health_check_interval": 25,
    },
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "task_default_queue": Queue.COMPUTE.value,
}


def celery_app(broker_url: str) -> Celery:
    """The Celery application that both senders and workers use."""
    app = Celery("kinscape", broker=broker_url, backend=None)
    app.conf.update(SETTINGS)
    return app


class CeleryQueue:
    """Sends wake-up messages; a lost one is sent again by the reconciler."""

    def __init__(self, broker_url: str) -> None:
        self._app = celery_app(broker_url)
        # A broker that hangs must not hang whoever asks; workers wait for messages as long as it takes.
        self._app.conf.broker_transport_options = {**SETTINGS["broker_transport_options"], "socket_timeout": PATIENCE_S}

    def wake(self, jobs: Sequence[tuple[int, JobKind]]) -> None:
        """Tell workers about queued jobs, given as (number, kind)."""
        try:
            with self._app.connection_for_write(connect_timeout=2) as connection:
                for job, kind in jobs:
                    self._app.send_task(TASK, args=[job], queue=kind.queue.value, connection=connection, retry=False)
        except (OperationalError, OSError) as error:
            log.warning("queue.wake_failed jobs=%d error=%s", len(jobs), type(error).__name__)

    def is_reachable(self) -> bool:
        """Whether the broker answers."""
        try:
            with self._app.connection_for_read(connect_timeout=2) as connection:
                connection.ensure_connection(max_retries=1, timeout=2)
        except (OperationalError, OSError):
            return False
        return True
