"""The API against its own description: nothing that fits it may break the server."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import Server


def test_the_description_names_every_route(server: Server) -> None:
    paths = httpx.get(f"{server.url}/api/v1/openapi.json").json()["paths"]
    assert len(paths) > 25
    for path, methods in paths.items():
        for method, what in methods.items():
            assert what.get("description"), f"{method} {path} says nothing about itself"


def test_every_route_says_how_it_refuses(server: Server) -> None:
    described = httpx.get(f"{server.url}/api/v1/openapi.json").json()
    assert described["components"]["schemas"]["ProblemDocument"]["properties"]["detail"]
    for path, methods in described["paths"].items():
        for method, what in methods.items():
            if path.startswith("/api/v1/"):
                missing = {"401", "404", "409", "422", "503"} - set(what["responses"])
                assert not missing, f"{method} {path}: {missing}"
                assert "application/problem+json" in what["responses"]["404"]["content"]


@pytest.mark.fault("generated requests of every route")
@pytest.mark.slow
def test_no_request_that_fits_the_description_breaks_the_server(server: Server, tmp_path: Path) -> None:
    program = shutil.which("schemathesis") or str(Path(sys.executable).with_name("schemathesis"))
    command = [
        program,
        "run",
        f"{server.url}/api/v1/openapi.json",
        "--checks",
        "not_a_server_error",
        "--max-examples",
        os.environ.get("KINSCAPE_EXAMPLES", "30"),
        "--exclude-path-regex",
        "events",
        "--seed",
        "1",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=7200)
    assert done.returncode == 0, done.stdout[-4000:]
