"""Addresses of the API: lists in parts, methods, streams that end, answers that no cache keeps."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from kinscape.client import Client, Project
from tests.conftest import Server


def test_lists_come_in_parts_that_say_how_they_go_on(server: Server, client: Client, networks: list[Path]) -> None:
    project = client.create_project(f"pages {time.monotonic_ns()}")
    made = [project.upload_checkpoint(path).id for path in networks[:5]]
    address = f"{server.url}/api/v1/projects/{project.id}/checkpoints"
    seen: list[int] = []
    answer = httpx.get(address, params={"limit": 2})
    for _ in range(3):
        assert answer.headers["X-Total-Count"] == "5"
        seen += [c["id"] for c in answer.json()]
        following = answer.links.get("next", {}).get("url")
        if following is None:
            break
        answer = httpx.get(server.url + following)
    assert seen == made[::-1]
    assert len(project.checkpoints()) == 5
    for wrong in ({"limit": 0}, {"limit": 1001}, {"before": 0}):
        assert httpx.get(address, params=wrong).status_code == 422


def test_the_client_follows_a_list_to_its_end(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    names = [f"follow {k} {time.monotonic_ns()}" for k in range(5)]
    for name in names:
        client.create_project(name)
    whole = [p.name for p in client.projects()]
    asked: list[str] = []
    plain = client._http.request

    def two_at_a_time(method: str, path: str, **given: Any) -> httpx.Response:
        asked.append(path)
        return plain(method, path if "limit=" in path else f"{path}?limit=2", **given)

    monkeypatch.setattr(client._http, "request", two_at_a_time)
    assert [p.name for p in client.projects()] == whole
    assert len(asked) > 2


@pytest.mark.fault("a wrong method")
def test_a_wrong_method_is_told_the_right_ones(server: Server, project: Project) -> None:
    for path, method, allowed in (
        (f"/projects/{project.id}", "PUT", {"DELETE", "GET", "PATCH"}),
        ("/measures", "POST", {"GET"}),
        ("/checkpoints/1", "PUT", {"DELETE", "GET", "PATCH"}),
    ):
        answer = httpx.request(method, f"{server.url}/api/v1{path}")
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == allowed
        assert "is not done at" in answer.json()["detail"]
    assert httpx.put(f"{server.url}/api/v1/nothing").status_code == 404


@pytest.mark.fault("a link revoked while its page is open")
def test_a_stream_ends_when_its_link_is_revoked(
    server: Server, project: Project, networks: list[Path], probe_file: Path
) -> None:
    models = [project.upload_checkpoint(path) for path in networks[:2]]
    probe = project.upload_probe(probe_file)
    measure = {"slug": "layer-reset-random", "parameters": {"draws": 1000}}
    asked = project.compare(checkpoints=models, measures=[measure], probe=probe, train_probe=probe)
    share = asked.share()
    assert share.url is not None
    token = share.url.rsplit("/", 1)[1]
    seen: list[str] = []

    def watch() -> None:
        address = f"{server.url}/api/v1/comparisons/{asked.id}/events"
        with httpx.stream("GET", address, headers={"Kinscape-Share": token}, timeout=60) as answer:
            seen.extend(answer.iter_lines())

    watcher = threading.Thread(target=watch)
    watcher.start()
    deadline = time.monotonic() + 20
    while not seen and time.monotonic() < deadline:
        time.sleep(0.05)
    assert '"running"' in seen[0]
    share.revoke()
    watcher.join(timeout=5)
    assert not watcher.is_alive()
    assert '"done"' not in "".join(seen)
    asked.cancel()


@pytest.mark.fault("a cache between a link and its visitor")
def test_what_a_link_shows_is_kept_by_no_cache(
    server: Server, project: Project, networks: list[Path], probe_file: Path
) -> None:
    models = [project.upload_checkpoint(path) for path in networks[:2]]
    asked = project.compare(checkpoints=models, measures=["disagreement"], probe=project.upload_probe(probe_file))
    asked.wait(timeout_s=60)
    share = asked.share()
    assert share.url is not None
    header = {"Kinscape-Share": share.url.rsplit("/", 1)[1]}
    for path in (f"/comparisons/{asked.id}", f"/comparisons/{asked.id}/matrix?measure=disagreement", "/measures"):
        answer = httpx.get(f"{server.url}/api/v1{path}", headers=header)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
