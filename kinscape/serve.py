"""The web process: API and dashboard under one origin. ``python -m kinscape.serve``."""

import logging
import time

import uvicorn
from sqlalchemy.exc import OperationalError
from starlette.types import ASGIApp

from kinscape.backend.api.app import create_app, guarded
from kinscape.backend.api.header_patience import PatientProtocol
from kinscape.backend.api.parts import WebParts
from kinscape.backend.queue import CeleryQueue
from kinscape.backend.settings import WebSettings, read_settings
from kinscape.backend.store.database import Database
from kinscape.backend.store.files import Files
from kinscape.frontend.access import Access
from kinscape.frontend.app import content_security_policy, create_dashboard
from kinscape.frontend.dash_requests import DashRequests
from kinscape.migrations.moving import head

# A database that was killed reads its log first.
DATABASE_S = 60


def parts_from(settings: WebSettings) -> WebParts:
    """Open database, files and queue, and refuse a database at another migration.

    A database that starts or recovers at this moment is waited for.
    """
    queue = CeleryQueue(settings.broker_url)
    database = Database(settings.database_url, wake=queue.wake)
    began = time.monotonic()
    while True:
        try:
            database.check_schema(head())
            break
        except OperationalError:
            if time.monotonic() - began > DATABASE_S:
                raise
            time.sleep(0.5)
    return WebParts(settings, database, Files(settings.files), queue)


def create(settings: WebSettings) -> ASGIApp:
    """API and dashboard in one application, behind one guard."""
    parts = parts_from(settings)
    access = Access(settings.own_url)
    app = create_app(parts, stopped=access.close)
    dashboard = create_dashboard(app, access, frames=settings.frames)
    # Dash sets itself up at its first page; done here, deep links work as the first request too.
    dashboard._setup_server()
    return guarded(DashRequests(app, dashboard), parts, csp=content_security_policy(dashboard))


def main() -> None:
    """Serve until told to stop."""
    settings = read_settings(WebSettings)
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # No access log: addresses of shares are secrets.
    uvicorn.run(
        create(settings),
        host=settings.host,
        port=settings.port,
        http=PatientProtocol,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
