"""Demo studies that a server trains networks for."""

import time
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy.orm import Session

from kinscape import Client
from kinscape.backend.api.demos import DemoRuns
from kinscape.backend.api.parts import WebParts
from kinscape.backend.api.routes import demos
from kinscape.backend.contracts.demos import DemoState, project_name
from kinscape.backend.contracts.problems import Conflict, NotAllowed
from kinscape.backend.settings import WebSettings
from kinscape.backend.studies.template import catalogue
from kinscape.client import ClientError
from kinscape.demo.studies import STUDIES
from tests.conftest import Server, free_port

PATIENCE_S = 60


def until(runs: DemoRuns, template: str, *states: DemoState, trained: int = 0) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        progress = runs.progress(template)
        if progress.state in states and progress.trained >= trained:
            return
        time.sleep(0.1)
    raise AssertionError(progress)


def test_every_study_can_be_tried(client: Client) -> None:
    assert {d.template for d in client.demos()} == set(catalogue()) == set(STUDIES)
    with pytest.raises(ClientError, match="There is no study 'alchemy'"):
        client.try_demo("alchemy")


# A template that no other test has trained on the shared server: of networks that are there nothing is trained.
def test_one_demo_is_trained_at_a_time_and_ends_with_its_server(server: Server, client: Client) -> None:
    runs = DemoRuns()
    runs.start("population", url=server.url, token="")
    runs.start("population", url=server.url, token="")
    with pytest.raises(Conflict, match="demo population are trained now"):
        runs.start("seeds", url=server.url, token="")
    until(runs, "population", DemoState.TRAINING, trained=1)
    progress = runs.progress("population")
    assert progress.networks == STUDIES["population"].size
    assert runs.progress("seeds").state is DemoState.ABSENT
    runs.close()
    assert runs.progress("population").state is DemoState.ABSENT
    (there,) = [d for d in client.demos() if d.template == "population"]
    # The server did not train it itself, but finds what is there; no study of it was run.
    assert client.project(project_name("population")).id == there.project
    assert (there.state, there.study) == (DemoState.ABSENT, None)


def test_why_a_demo_broke_off_is_told() -> None:
    runs = DemoRuns()
    runs.start("seeds", url=f"http://127.0.0.1:{free_port()}", token="")
    until(runs, "seeds", DemoState.BROKEN)
    assert "does not answer" in runs.progress("seeds").reason
    runs.close()


def test_an_operator_may_switch_them_off(tmp_path: Path) -> None:
    settings = WebSettings(database_url="postgresql+psycopg:///x", broker_url="redis://x", files=tmp_path, demos=False)
    nothing = cast("WebParts", type("Parts", (), {"settings": settings})())
    assert demos.demos(cast("Session", None), nothing) == []
    with pytest.raises(NotAllowed, match="KINSCAPE_DEMOS"):
        demos.train(cast("Session", None), nothing, "seeds")
