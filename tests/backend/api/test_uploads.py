"""tus 1.0: resumed, checked, cancelled, refused."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import torch
from safetensors.torch import load_file, save_file
from sqlalchemy import select
from sqlalchemy.orm import Session

from kinscape import build, measure
from kinscape.backend.actions import uploads
from kinscape.backend.contracts.problems import TooMany
from kinscape.backend.store.database import Database
from kinscape.backend.store.files import Files
from kinscape.backend.store.tables import CheckpointRow
from kinscape.client import Client, Project
from kinscape.local import programs
from tests.conftest import Server

TUS = {"Tus-Resumable": "1.0.0"}


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def begin(server: Server, project: Project, size: int, name: str = "model") -> httpx.Response:
    about = {"name": name, "architecture": "lenet", "arguments": {"classes": 10}}
    metadata = f"kind {coded('checkpoint')},description {coded(json.dumps(about))}"
    return httpx.post(
        f"{server.url}/api/v1/projects/{project.id}/uploads",
        headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata},
    )


def piece(server: Server, place: str, data: bytes, offset: int, **headers: str) -> httpx.Response:
    sent = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", **headers}
    return httpx.patch(server.url + place, content=data, headers=sent)


@pytest.mark.fault("an upload that breaks off")
def test_an_upload_goes_on_where_it_stopped(server: Server, project: Project, networks: list[Path]) -> None:
    data = networks[0].read_bytes()
    made = begin(server, project, len(data))
    assert made.status_code == 201
    place = made.headers["Location"]
    assert piece(server, place, data[:1000], 0).headers["Upload-Offset"] == "1000"
    asked = httpx.head(server.url + place, headers=TUS)
    assert (asked.headers["Upload-Offset"], asked.headers["Cache-Control"]) == ("1000", "no-store")
    last = piece(server, place, data[1000:], 1000)
    assert last.status_code == 204
    assert project.wait_for(int(last.headers["Kinscape-Id"])).state == "ready"


def test_offsets_checksums_and_versions_are_checked(server: Server, project: Project) -> None:
    place = begin(server, project, 100).headers["Location"]
    wrong = piece(server, place, b"12345", 50)
    assert (wrong.status_code, "number 0, not 50" in wrong.json()["detail"]) == (409, True)
    damaged = piece(server, place, b"12345", 0, **{"Upload-Checksum": f"sha256 {coded('nonsense')}"})
    assert damaged.status_code == 460
    digest = base64.b64encode(hashlib.sha256(b"12345").digest()).decode()
    assert piece(server, place, b"12345", 0, **{"Upload-Checksum": f"sha256 {digest}"}).status_code == 204
    assert piece(server, place, b"1" * 200, 5).status_code == 413
    assert piece(server, place, b"1", 5, **{"Tus-Resumable": "0.2.2"}).status_code == 412
    assert piece(server, place, b"1", 5, **{"Content-Type": "text/plain"}).status_code == 415
    assert httpx.head(server.url + place).headers["Upload-Offset"] == "5"


def test_a_cancelled_upload_is_gone(server: Server, project: Project) -> None:
    place = begin(server, project, 100).headers["Location"]
    assert httpx.delete(server.url + place, headers=TUS).status_code == 204
    assert httpx.head(server.url + place).status_code == 404
    assert piece(server, place, b"1", 0).status_code == 404


@pytest.mark.parametrize(("size", "status"), [(0, 422), (1 << 50, 413), (-1, 422)])
def test_sizes_that_cannot_be_are_refused_before_the_first_byte(
    size: int, status: int, server: Server, project: Project
) -> None:
    assert begin(server, project, size).status_code == status


def test_metadata_that_makes_no_sense_is_a_sentence(server: Server, project: Project) -> None:
    for metadata in ("kind !!!", "", f"kind {coded('song')}", f"kind {coded('checkpoint')},description {coded('{')}"):
        answer = httpx.post(
            f"{server.url}/api/v1/projects/{project.id}/uploads",
            headers={**TUS, "Upload-Length": "10", "Upload-Metadata": metadata},
        )
        assert answer.status_code == 422, metadata
        assert answer.json()["detail"].endswith(".")


@pytest.mark.fault("two senders of one upload")
def test_two_senders_of_one_upload_cannot_mix_their_bytes(
    server: Server, project: Project, networks: list[Path]
) -> None:
    data = networks[1].read_bytes()
    place = begin(server, project, len(data)).headers["Location"]
    codes: list[int] = []
    senders = [
        threading.Thread(target=lambda: codes.append(piece(server, place, data, 0).status_code)) for _ in range(4)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(codes) == [204, 409, 409, 409]
    finished = httpx.get(server.url + place).json()["finished"]
    assert project.wait_for(finished).state == "ready"


@pytest.mark.fault("the same bytes uploaded at once")
def test_the_same_bytes_finishing_at_once_are_each_taken(client: Client, server: Server, networks: list[Path]) -> None:
    data = networks[0].read_bytes()
    for k in range(6):
        projects = [client.create_project(f"same bytes {k} {n} {secrets.token_hex(4)}") for n in range(3)]
        places = [begin(server, p, len(data)).headers["Location"] for p in projects]
        with ThreadPoolExecutor(3) as pool:
            codes = list(pool.map(lambda place: piece(server, place, data, 0).status_code, places))
        assert codes == [204, 204, 204]


@pytest.mark.fault("a death between the last byte and the commit")
def test_an_upload_whose_end_was_cut_off_is_ended_again(server: Server, project: Project, networks: list[Path]) -> None:
    data = networks[2].read_bytes()
    place = begin(server, project, len(data)).headers["Location"]
    token = place.rsplit("/", 1)[-1]
    database = Database(programs.database_url(programs.run_folder(server.data)))
    files = Files(server.data / "files")
    with database.transaction() as session:
        uploads.append(session, files, token, offset=0, body=data)
    # The bytes are published, and whoever did so dies before the commit.
    with Session(database.engine) as session:
        uploads.finish(session, files, token)
        session.rollback()
    assert httpx.head(server.url + place).headers["Upload-Offset"] == str(len(data))
    ended = piece(server, place, b"", len(data))
    assert ended.status_code == 204, ended.text
    assert project.wait_for(int(ended.headers["Kinscape-Id"])).state == "ready"
    assert not files.upload_path(token).exists()
    database.close()


@pytest.mark.fault("bits of a stored file that flip, a file that is missing")
def test_a_damaged_file_has_a_reason_and_is_healed_by_uploading_it_again(
    server: Server, project: Project, tmp_path: Path
) -> None:
    # Of its own: no process has read these bytes before.
    networks = [tmp_path / f"own{k}.safetensors" for k in range(2)]
    for seed, path in enumerate(networks):
        torch.manual_seed(1000 + seed)
        save_file(build("lenet", classes=10).state_dict(), path)
    for path in networks:
        project.upload_checkpoint(path, architecture="lenet", arguments={"classes": 10})
    database = Database(programs.database_url(programs.run_folder(server.data)))
    with database.transaction() as session:
        row = session.scalar(
            select(CheckpointRow).where(CheckpointRow.project_id == project.id, CheckpointRow.name == networks[1].stem)
        )
        assert row is not None
        stored = Files(server.data / "files").path(row.file_hash or "")
    database.close()
    whole = stored.read_bytes()
    stored.chmod(0o600)
    stored.write_bytes(whole[:-4] + bytes(b ^ 1 for b in whole[-4:]))
    probe = project.add_digits(name="digits")
    names = [p.stem for p in networks]
    asked = project.compare(checkpoints=names, probe=probe, measures=["weight-l2"]).wait(timeout_s=60)
    reason = asked.matrix("weight-l2").reasons[0, 1]
    assert "damaged" in reason or "missing" in reason
    assert "upload it again" in reason
    healed = project.upload_checkpoint(networks[1], architecture="lenet", arguments={"classes": 10})
    assert healed.state == "ready"
    assert len(project.checkpoints()) == 2
    again = project.compare(checkpoints=names, probe=probe, measures=["weight-l2", "weight-cosine"])
    again.wait(timeout_s=60)
    for slug in ("weight-l2", "weight-cosine"):
        assert again.matrix(slug).values[0, 1] == pytest.approx(
            measure(slug)(*[load_file(p) for p in networks]).value, rel=1e-9
        )


def test_one_request_may_bring_the_whole_file(server: Server, project: Project, tmp_path: Path) -> None:
    """As usual clients of tus do; what came of one that was cut off is not sent again."""
    torch.manual_seed(0)
    path = tmp_path / "large.safetensors"
    save_file({"w": torch.randn(4500, 4500)}, path)
    data = path.read_bytes()
    assert len(data) > 64 << 20
    about = {"name": "large"}
    metadata = f"kind {coded('checkpoint')},description {coded(json.dumps(about))}"
    made = httpx.post(
        f"{server.url}/api/v1/projects/{project.id}/uploads",
        headers={**TUS, "Upload-Length": str(len(data)), "Upload-Metadata": metadata},
    )
    place = made.headers["Location"]

    def cut_off() -> Iterator[bytes]:
        yield data[: 20 << 20]
        raise ConnectionError

    sent = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    with pytest.raises(ConnectionError):
        httpx.patch(server.url + place, content=cut_off(), headers=sent)
    deadline = time.monotonic() + 10
    offset = 0
    while offset < 20 << 20 and time.monotonic() < deadline:
        offset = int(httpx.head(server.url + place, headers=TUS).headers["Upload-Offset"])
    assert offset >= 16 << 20
    last = httpx.post(
        server.url + place,
        content=data[offset:],
        headers={**sent, "Upload-Offset": str(offset), "X-HTTP-Method-Override": "PATCH"},
        timeout=60,
    )
    assert last.headers["Upload-Offset"] == str(len(data))
    assert project.wait_for(int(last.headers["Kinscape-Id"])).state == "ready"
    assert httpx.post(server.url + place).status_code == 405


@pytest.mark.fault("another version of the upload protocol")
def test_another_version_of_tus_is_told_ours(server: Server, project: Project) -> None:
    answer = httpx.post(
        f"{server.url}/api/v1/projects/{project.id}/uploads",
        headers={"Tus-Resumable": "0.2.2", "Upload-Length": "5", "Upload-Metadata": ""},
    )
    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")


@pytest.mark.fault("uploads that are begun and never ended")
def test_uploads_are_not_begun_without_end(
    server: Server, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = Database(programs.database_url(programs.run_folder(server.data)))
    monkeypatch.setattr(uploads, "MOST_UNDER_WAY", 2)
    asked = {"project": project.id, "size_bytes": 10, "metadata": {"kind": "probe", "description": '{"name": "p"}'}}
    with Session(database.engine) as session:
        for _ in range(2):
            uploads.start(session, Files(tmp_path), uploads.UploadLimits(1 << 30, 0), **asked)
        with pytest.raises(TooMany, match="finish or cancel some"):
            uploads.start(session, Files(tmp_path), uploads.UploadLimits(1 << 30, 0), **asked)
        session.rollback()
    database.close()
