"""The web process: API and dashboard under one origin. ``python -m kinscape.serve``."""

import logging

import uvicorn
from fastapi import FastAPI

from backend.api.app import create_app
from backend.api.parts import Parts
from backend.queue import CeleryQueue
from backend.settings import WebSettings
from backend.store.database import Database
from backend.store.files import Files
from migrations.moving import head


def parts_from(settings: WebSettings) -> Parts:
    """Open database, files and queue, and refuse a database at another migration."""
    queue = CeleryQueue(settings.broker_url)
    database = Database(settings.database_url, wake=queue.wake)
    database.check_schema(head())
    return Parts(settings, database, Files(settings.files), queue)


def create(settings: WebSettings) -> FastAPI:
    """API and dashboard in one application."""
    return create_app(parts_from(settings))


def main() -> None:
    """Serve until told to stop."""
    settings = WebSettings()
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    # No access log: addresses of shares are secrets.
    uvicorn.run(
        create(settings), host=settings.host, port=settings.port, access_log=False, log_level="warning",
        timeout_graceful_shutdown=2,
    )  # fmt: skip


if __name__ == "__main__":
    main()
