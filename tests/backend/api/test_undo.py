"""What was deleted comes back whole, names are free meanwhile, and what depends on a thing is said before it goes."""

import base64
from pathlib import Path

import httpx
import numpy as np
import pytest
from sqlalchemy.orm import Session

from kinscape.backend.actions import uploads
from kinscape.backend.contracts.problems import OverQuota
from kinscape.backend.store.database import Database
from kinscape.backend.store.files import Files
from kinscape.client import Client, ClientError, Project
from kinscape.local import programs
from tests.conftest import Server


def test_a_checkpoint_comes_back_with_its_relatives(project: Project, networks: list[Path]) -> None:
    first = project.upload_checkpoint(networks[0], name="first", group="a", tags={"seed": "0"})
    child = project.upload_checkpoint(networks[1], name="child", parent="first")
    child.delete()
    first.delete()
    assert project.checkpoints() == []
    assert [c.name for c in project.deleted_checkpoints()] == ["child", "first"]
    with pytest.raises(ClientError, match=rf"Checkpoint {first.id} was deleted; within 7 days"):
        project.checkpoint(first.id)
    with pytest.raises(ClientError, match="'child' comes from 'first', deleted as well: restore that first"):
        child.restore()
    back = first.restore()
    assert (back.group, back.tags) == ("a", {"seed": "0"})
    assert child.restore().parent == "first"
    with pytest.raises(ClientError, match="There is no deleted checkpoint"):
        first.restore()


def test_a_name_is_free_while_what_had_it_is_deleted(project: Project, networks: list[Path]) -> None:
    first = project.upload_checkpoint(networks[0], name="net")
    first.delete()
    again = project.upload_checkpoint(networks[0], name="net")
    assert again.id != first.id
    with pytest.raises(ClientError, match="A checkpoint named 'net' exists now: rename that one first"):
        first.restore()
    again.edit(name="other")
    assert first.restore().name == "net"


def test_a_probe_set_is_renamed_deleted_and_restored(
    project: Project, networks: list[Path], probe_file: Path, client: Client
) -> None:
    probe = project.upload_probe(probe_file, name="p")
    assert project.edit_probe("p", name="q", role="shifted").role == "shifted"
    a, b = (project.upload_checkpoint(path) for path in networks[:2])
    comparison = project.compare(checkpoints=[a, b], probe="q", measures=["disagreement"], name="mine").wait()
    for refused in (lambda: project.delete_probe("q"), lambda: project.edit_probe("q", role="train")):
        with pytest.raises(ClientError, match="'mine' asked about"):
            refused()
    client.delete_comparison(comparison.id)
    project.delete_probe("q")
    assert project.probes() == []
    with pytest.raises(ClientError, match=f"Probe set {probe.id} was deleted"):
        project.compare(checkpoints=[a, b], probe=probe, measures=["disagreement"])
    a.delete()
    # What a comparison shows comes back with it.
    assert client.restore_comparison(comparison.id).matrix("disagreement").values[0, 1] >= 0
    assert [p.name for p in project.probes()] == ["q"]
    assert {c.name for c in project.checkpoints()} == {a.name, b.name}


def test_a_project_goes_and_comes_back_with_all_that_is_in_it(
    server: Server, project: Project, networks: list[Path], probe_file: Path, client: Client
) -> None:
    gone_before, a, b, c = (project.upload_checkpoint(path) for path in networks[:4])
    gone_before.delete()
    probe = project.upload_probe(probe_file)
    comparison = project.compare(checkpoints=[a, b, c], probe=probe, measures=["disagreement"]).wait()
    before = comparison.matrix("disagreement")
    link = comparison.share()
    study = project.study("seeds", roles={"seeds": [a, b, c]}, probe=probe)
    project.delete()
    assert project.name not in [p.name for p in client.projects()]
    for path in (
        f"/projects/{project.id}",
        f"/projects/{project.id}/checkpoints",
        f"/comparisons/{comparison.id}",
        f"/checkpoints/{a.id}",
        f"/probes/{probe.id}",
        f"/studies/{study.id}",
    ):
        answer = httpx.get(f"{server.url}/api/v1{path}")
        assert answer.status_code == 404, path
        assert "deleted" in answer.json()["detail"]
    assert httpx.get(link.url).status_code == 404
    with pytest.raises(ClientError, match="was deleted"):
        project.upload_checkpoint(networks[4])
    same = client.create_project(project.name)
    with pytest.raises(ClientError, match="exists now: rename that one first"):
        client.restore_project(project.id)
    same.rename(f"{project.name} two")
    assert client.restore_project(project.id).name == project.name
    assert {one.name for one in project.checkpoints()} == {a.name, b.name, c.name}
    assert [one.name for one in project.deleted_checkpoints()] == [gone_before.name]
    assert np.array_equal(client.comparison(comparison.id).matrix("disagreement").values, before.values, equal_nan=True)
    assert httpx.get(link.url).status_code == 303


def test_a_running_comparison_ends_with_its_project(
    project: Project, networks: list[Path], probe_file: Path, client: Client
) -> None:
    models = [project.upload_checkpoint(path) for path in networks]
    probe = project.upload_probe(probe_file)
    comparison = project.compare(checkpoints=models, probe=probe, measures=["hessian-trace", "disagreement"])
    project.delete()
    client.restore_project(project.id)
    assert client.comparison(comparison.id).status in ("cancelled", "done")


def test_a_checkpoint_takes_the_place_of_another(project: Project, networks: list[Path], probe_file: Path) -> None:
    old = project.upload_checkpoint(networks[0], name="net", group="g", tags={"seed": "3"})
    child = project.upload_checkpoint(networks[1], name="child", parent="net")
    new = project.upload_checkpoint(networks[2], name="net (new)")
    now = old.replace(new)
    assert (now.id, now.name, now.group, now.tags) == (new.id, "net", "g", {"seed": "3"})
    assert project.checkpoint(child.id).root == "net"
    assert [c.id for c in project.deleted_checkpoints()] == [old.id]
    # One that a comparison shows stays, with its numbers, under another name.
    probe = project.upload_probe(probe_file)
    project.compare(checkpoints=[now, child], probe=probe, measures=["disagreement"]).wait()
    third = project.upload_checkpoint(networks[3], name="third")
    now.replace(third)
    names = {c.id: c.name for c in project.checkpoints()}
    assert names[third.id] == "net"
    assert names[new.id].startswith("net (until 20")
    with pytest.raises(ClientError, match="'child' comes from 'net', so one cannot stand for the other"):
        project.checkpoint(third.id).replace(child)
    with pytest.raises(ClientError, match="another one of the same project"):
        third.replace(third)


def test_what_was_deleted_before_it_was_inspected_is_inspected_when_it_comes_back(
    project: Project, networks: list[Path], probe_file: Path, client: Client
) -> None:
    waiting = [project.upload_checkpoint(path, name=f"w{k}", wait=False) for k, path in enumerate(networks[:4])]
    for one in waiting:
        one.delete()
    for one in waiting:
        one.restore()
        assert project.wait_for(one.id).state == "ready"
    last = project.upload_checkpoint(networks[4], wait=False)
    project.delete()
    client.restore_project(project.id)
    assert project.wait_for(last.id).state == "ready"


def test_nothing_descends_from_itself_after_a_replacement(project: Project, networks: list[Path]) -> None:
    a, b, c, d, e = (project.upload_checkpoint(path, name=f"n{k}") for k, path in enumerate(networks[:5]))
    b.edit(teacher="n0")
    c.edit(parent="n1")
    for one, by in ((a, b), (b, a), (a, c), (c, a)):
        with pytest.raises(ClientError, match="so one cannot stand for the other"):
            project.checkpoint(one.id).replace(by)
    # What descends from the new one is of the lineage that it takes.
    d.edit(parent="n4")
    assert project.checkpoint(d.id).root == "n4"
    c.replace(e)
    names = {one.id: (one.name, one.parent, one.root) for one in project.checkpoints()}
    assert names[e.id] == ("n2", "n1", "n1")
    assert names[d.id] == ("n3", "n2", "n1")


def test_an_upload_waits_while_its_project_is_deleted(
    server: Server, project: Project, networks: list[Path], client: Client
) -> None:
    content = networks[0].read_bytes()
    coded = {
        k: base64.b64encode(v.encode()).decode()
        for k, v in {"kind": "checkpoint", "description": '{"name": "late"}'}.items()
    }
    tus = {"Tus-Resumable": "1.0.0"}
    metadata = ",".join(f"{k} {v}" for k, v in coded.items())
    headers = {**tus, "Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    place = httpx.post(f"{server.url}/api/v1/projects/{project.id}/uploads", headers=headers).headers["Location"]

    def send(piece: bytes, offset: int) -> httpx.Response:
        more = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return httpx.patch(f"{server.url}{place}", content=piece, headers={**tus, **more})

    assert send(content[:1000], 0).status_code == 204
    project.delete()
    assert send(content[1000:], 1000).status_code == 404
    client.restore_project(project.id)
    done = send(content[1000:], 1000)
    assert done.status_code == 204
    assert project.wait_for(int(done.headers["Kinscape-Id"])).name == "late"


def test_a_project_says_what_it_holds_wherever_it_is_told(
    project: Project, networks: list[Path], client: Client
) -> None:
    project.upload_checkpoint(networks[0])
    project.delete()
    assert client.restore_project(project.id).details.checkpoints == 1
    assert client.project_numbered(project.id).details.checkpoints == 1


def test_a_comparison_brings_back_what_its_checkpoints_come_from(
    project: Project, networks: list[Path], probe_file: Path, client: Client
) -> None:
    project.upload_checkpoint(networks[0], name="first")
    models = [project.upload_checkpoint(networks[k], name=f"c{k}", parent="first") for k in (1, 2)]
    probe = project.upload_probe(probe_file)
    comparison = project.compare(checkpoints=models, probe=probe, measures=["disagreement"]).wait()
    client.delete_comparison(comparison.id)
    for one in [*models, next(c for c in project.checkpoints() if c.name == "first")]:
        one.delete()
    client.restore_comparison(comparison.id)
    assert {c.name for c in project.checkpoints()} == {"first", "c1", "c2"}


def test_what_was_preregistered_keeps_its_project(project: Project, networks: list[Path], probe_file: Path) -> None:
    models = [project.upload_checkpoint(path) for path in networks[:3]]
    study = project.study("seeds", roles={"seeds": models}, probe=project.upload_probe(probe_file), name="promised")
    study.preregister(level=0.05)
    with pytest.raises(ClientError, match="The project holds 'promised', preregistered"):
        project.delete()
    assert len(project.checkpoints()) == 3


def test_nobody_holds_more_than_their_quota(
    server: Server, project: Project, networks: list[Path], probe_file: Path, tmp_path: Path
) -> None:
    project.upload_checkpoint(networks[0])
    size = networks[0].stat().st_size
    database = Database(programs.database_url(programs.run_folder(server.data)))
    coded = base64.b64encode(b'{"name": "more"}').decode()
    metadata = uploads.metadata_of(f"kind {base64.b64encode(b'checkpoint').decode()},description {coded}")
    quotas = (({"project_quota_bytes": 2 * size}, "This project holds"), ({"quota_bytes": size}, "All projects hold"))
    for quota, sentence in quotas:
        limits = uploads.UploadLimits(1 << 40, 0, **quota)
        with Session(database.engine) as session, pytest.raises(OverQuota, match=sentence):
            uploads.start(session, Files(tmp_path), limits, project=project.id, size_bytes=size + 1, metadata=metadata)
    with Session(database.engine) as session:
        limits = uploads.UploadLimits(1 << 40, 0, project_quota_bytes=2 * size)
        asked = {"project": project.id, "size_bytes": size, "metadata": metadata}
        assert uploads.start(session, Files(tmp_path), limits, **asked).token
    # Samples count as weights do.
    project.upload_probe(probe_file)
    with Session(database.engine) as session, pytest.raises(OverQuota, match="This project holds"):
        uploads.start(session, Files(server.data / "files"), limits, **asked)
    database.close()
