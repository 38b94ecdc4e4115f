"""Many people open one link at the same moment."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from kinscape import Client
from kinscape.client import Project
from tests.conftest import Server

VISITORS = 40
DRAWN_S = 10
HEALTH_S = 1


@pytest.fixture
def link(project: Project, networks: list[Path], probe_file: Path) -> str:
    """A link to a comparison of six networks."""
    models = [project.upload_checkpoint(f, architecture="lenet", arguments={"classes": 10}) for f in networks]
    probe = project.upload_probe(probe_file)
    comparison = project.compare(checkpoints=models, probe=probe, measures=["disagreement", "js-divergence"])
    url = comparison.wait(timeout_s=60).share().url
    assert url is not None
    return url


def opened(visitor: httpx.Client, link: str) -> str:
    """The path of the page that a link leads to; the visitor has its cookie then."""
    answer = visitor.get(urlsplit(link).path)
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def drawing(visitor: httpx.Client, path: str) -> bytes:
    """What a browser sends to have a picture drawn that needs the server."""
    every = visitor.get("/_dash-dependencies").json()
    wanted = next(c for c in every if c["output"] == "picture.children")
    values = {
        "served-view": {"data": {"query": "?tab=groups", "scheme": "light"}},
        "address": {"pathname": path},
    }

    def filled(wires: list[dict[str, str]]) -> list[dict[str, object]]:
        return [{**w, "value": values[w["id"]][w["property"]]} for w in wires]

    return json.dumps(
        {
            "output": wanted["output"],
            "outputs": {"id": "picture", "property": "children"},
            "inputs": filled(wanted["inputs"]),
            "state": filled(wanted["state"]),
            "changedPropIds": ["served-view.data"],
        }
    ).encode()


@pytest.mark.fault("forty visitors of a link at once")
def test_forty_visitors_of_a_link_are_all_drawn_while_others_are_answered(
    server: Server, client: Client, link: str
) -> None:
    def draw(_: int) -> tuple[float, str]:
        began = time.monotonic()
        matrix = visitor.get(f"/api/v1/comparisons/{comparison}/matrix?measure=disagreement&format=float32")
        assert matrix.status_code == 200, matrix.text
        answer = visitor.post("/_dash-update-component", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text
        return time.monotonic() - began, answer.text

    longest_health = 0.0
    with httpx.Client(base_url=server.url, timeout=60) as visitor, ThreadPoolExecutor(VISITORS) as crowd:
        path = opened(visitor, link)
        visitor.headers["Kinscape-Shared-Page"] = path.split("/")[2]
        body = drawing(visitor, path)
        comparison = visitor.get("/api/v1/shared").json()["comparison"]
        drawn = [crowd.submit(draw, k) for k in range(VISITORS)]
        while not all(d.done() for d in drawn):
            began = time.monotonic()
            client.health()
            longest_health = max(longest_health, time.monotonic() - began)
            time.sleep(0.1)
        answers = [d.result() for d in drawn]
    blank = [text for _, text in answers if "One group" not in text]
    assert not blank, f"{len(blank)} of {VISITORS}: {blank[0][-3000:]}"
    assert max(seconds for seconds, _ in answers) <= DRAWN_S
    assert longest_health <= HEALTH_S
