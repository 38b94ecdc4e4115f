"""The team's set-up says what it needs: parsed, no default secret, commands that exist."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Server, free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_every_service_is_checked_or_waits_for_one_that_is(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {"postgres", "redis", "migrate", "web", "inspection", "worker-cpu", "worker-gpu", "proxy"} == set(services)
    for name in ("postgres", "redis", "web"):
        assert services[name]["healthcheck"]["test"]
    for service in services.values():
        for other in service.get("depends_on", {}):
            assert other in services


def test_there_are_no_default_secrets() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "KINSCAPE_TOKEN"):
        for use in re.findall(rf"\$\{{{name}(.*?)\}}", text):
            assert use.startswith(":?"), f"{name} must be required"


def test_the_web_service_refuses_to_start_without_a_token(server: Server) -> None:
    settings = {
        "KINSCAPE_HOST": "0.0.0.0",
        "KINSCAPE_PORT": str(free_port()),
        "KINSCAPE_FILES": str(server.data / "files"),
        "KINSCAPE_DATABASE_URL": "postgresql+psycopg://x",
        "KINSCAPE_BROKER_URL": "redis://x",
    }
    command = [sys.executable, "-m", "kinscape.serve"]
    env = {**os.environ, **settings}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "owner token of at least 20 characters" in done.stderr
