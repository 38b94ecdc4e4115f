"""``/metrics`` for Prometheus: requests of this process, and what the database says of work and workers."""

import time
from collections.abc import Iterator, Mapping

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinscape.backend.api.parts import Opened, Transaction
from kinscape.backend.store import gauges
from kinscape.backend.store.gauges import Gauges

router = APIRouter()
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
REQUESTS = Counter("kinscape_requests", "Answered requests.", ["method", "route", "status"], registry=REGISTRY)
SECONDS = Histogram(
    "kinscape_request_seconds",
    "Time to the end of an answer.",
    ["method", "route"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)


class Counted:
    """ASGI middleware that counts requests by their route, never by their address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, and count it when its answer is complete."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def counting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, counting)
        finally:
            route = _route_of(scope)
            REQUESTS.labels(scope["method"], route, str(status)).inc()
            SECONDS.labels(scope["method"], route).observe(time.perf_counter() - began)


def _route_of(scope: Scope) -> str:
    """The name of a route, such as projects.get: addresses of links are secrets, and there are many."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return "other"
    room = getattr(endpoint, "__module__", "").rsplit(".", 1)[-1]
    return f"{room}.{getattr(endpoint, '__name__', 'page')}"


class _Now(Collector):
    """What was read just now, in Prometheus' words."""

    def __init__(self, found: Gauges, *, free_bytes: int) -> None:
        self.found, self.free_bytes = found, free_bytes

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family after the other."""
        found = self.found
        jobs = GaugeMetricFamily("kinscape_jobs", "Jobs by kind and state.", labels=["kind", "state"])
        for labels, number in found.jobs.items():
            jobs.add_metric(labels, number)
        yield jobs
        by_label: list[tuple[str, str, str, Mapping[str, float]]] = [
            ("kinscape_workers", "Workers seen within the last minute, by device.", "device", found.workers),
            ("kinscape_things", "What is stored, by kind.", "kind", found.rows),
            (
                "kinscape_measure_seconds",
                "Seconds spent on each measure lately; older ones count less.",
                "measure",
                found.measure_seconds,
            ),
        ]
        for name, help, label, counts in by_label:
            family = GaugeMetricFamily(name, help, labels=[label])
            for value, count in counts.items():
                family.add_metric([value], count)
            yield family
        yield GaugeMetricFamily(
            "kinscape_oldest_queued_seconds", "How long the longest waiting job waits.", value=found.oldest_queued_s
        )
        yield GaugeMetricFamily("kinscape_stored_bytes", "Bytes of uploaded checkpoints.", value=found.stored_bytes)
        yield GaugeMetricFamily("kinscape_free_bytes", "Free bytes where files are stored.", value=self.free_bytes)


@router.get("/metrics", include_in_schema=False)
def metrics(session: Transaction, parts: Opened) -> Response:
    """Numbers for Prometheus; the owner's token is its bearer token."""
    now = CollectorRegistry(auto_describe=False)
    now.register(_Now(gauges.read(session), free_bytes=parts.files.free_bytes()))
    return Response(generate_latest(REGISTRY) + generate_latest(now), media_type=CONTENT_TYPE_LATEST)
