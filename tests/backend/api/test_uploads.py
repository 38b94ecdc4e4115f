"""tus 1.0: resumed, checked, cancelled, refused."""

import base64
import hashlib
import json
import threading
from pathlib import Path

import httpx
import pytest

from kinscape.client import Project
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
