"""Removing what others depend on: refused with what depends on it, and never half done."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from kinscape.client import Client, ClientError, Project
from tests.conftest import Server, save_networks


@pytest.mark.fault("a parent or reference that is deleted")
def test_relatives_keep_a_checkpoint(project: Project, networks: list[Path]) -> None:
    first = project.upload_checkpoint(networks[0], name="first")
    for role, path in zip(("parent", "init_of", "teacher"), networks[1:4], strict=True):
        child = project.upload_checkpoint(path, name=f"by {role}", **{role: "first"})
        with pytest.raises(ClientError, match=f"'by {role}' names this checkpoint as parent") as told:
            first.delete()
        assert told.value.status == 409
        assert getattr(project.checkpoint(child.id), role) == "first"
        child.delete()
    first.delete()
    assert project.checkpoints() == []


@pytest.mark.fault("a parent or reference that is deleted")
def test_a_reference_of_a_comparison_stays(project: Project, networks: list[Path], probe_file: Path) -> None:
    a, b, control = (project.upload_checkpoint(path) for path in networks[:3])
    probe = project.upload_probe(probe_file)
    measure = {"slug": "negative-transfer", "references": [control.id]}
    project.compare(checkpoints=[a, b], measures=[measure], probe=probe).wait(timeout_s=60)
    with pytest.raises(ClientError, match="1 comparison shows this checkpoint"):
        control.delete()


@pytest.mark.fault("asking and deleting at once")
def test_asking_and_removing_at_once_is_one_or_the_other(
    server: Server, client: Client, project: Project, probe_file: Path, tmp_path: Path
) -> None:
    """The comparison and its checkpoint are both there, or the question is refused."""
    probe = project.upload_probe(probe_file)
    paths = save_networks(tmp_path, 8)
    kept = project.upload_checkpoint(paths[0])
    address = f"{server.url}/api/v1/projects/{project.id}/comparisons"
    outcomes = []
    for path in paths[1:]:
        other = project.upload_checkpoint(path)
        body = {"checkpoints": [kept.id, other.id], "measures": ["disagreement"], "probe": probe.id}
        start = threading.Barrier(2)

        def ask(body: dict[str, object] = body, start: threading.Barrier = start) -> httpx.Response:
            start.wait()
            return httpx.post(address, json=body, timeout=30)

        def remove(number: int = other.id, start: threading.Barrier = start) -> httpx.Response:
            start.wait()
            return httpx.delete(f"{server.url}/api/v1/checkpoints/{number}", timeout=30)

        with ThreadPoolExecutor(2) as pool:
            asked, removed = (f.result() for f in (pool.submit(ask), pool.submit(remove)))
        outcomes.append((asked.status_code, removed.status_code))
        assert (asked.status_code, removed.status_code) in {(201, 409), (404, 204), (422, 204)}
        if asked.status_code == 201:
            assert client.comparison(asked.json()["id"]).wait(timeout_s=60).details.progress.state == "done"
    assert outcomes


@pytest.mark.fault("a checkpoint deleted while it is inspected")
def test_a_checkpoint_that_goes_while_it_is_inspected_leaves_nothing_behind(
    server: Server, project: Project, tmp_path: Path
) -> None:
    for path in save_networks(tmp_path, 6):
        number = project.upload_checkpoint(path, wait=False).id
        assert httpx.delete(f"{server.url}/api/v1/checkpoints/{number}").status_code == 204
    # The next one is not kept waiting by leases of those that are gone.
    (tmp_path / "more").mkdir()
    assert project.upload_checkpoint(save_networks(tmp_path / "more", 7)[6]).state == "ready"


def test_a_refused_parent_that_is_uploaded_again_keeps_its_children(
    project: Project, networks: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "parent.safetensors"
    bad.write_bytes(networks[0].read_bytes()[:-100])
    with pytest.raises(ClientError):
        project.upload_checkpoint(bad, name="parent")
    child = project.upload_checkpoint(networks[1], name="child", parent="parent")
    project.upload_checkpoint(networks[0], name="parent")
    again = project.checkpoint(child.id)
    assert (again.parent, again.root) == ("parent", "parent")


def test_a_parent_may_be_taken_away(project: Project, networks: list[Path]) -> None:
    project.upload_checkpoint(networks[0], name="first")
    child = project.upload_checkpoint(networks[1], name="child", parent="first")
    grandchild = project.upload_checkpoint(networks[2], name="grandchild", parent="child")
    assert project.checkpoint(grandchild.id).root == "first"
    alone = child.edit(parent="")
    assert (alone.parent, alone.root) == (None, "child")
    below = project.checkpoint(grandchild.id)
    assert (below.parent, below.root) == ("child", "child")
