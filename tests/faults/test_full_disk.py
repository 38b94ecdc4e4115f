"""A disk that fills up: nothing is lost, everybody is told, and all goes on when there is room."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kinscape.backend.store.files import LEAST_FREE_BYTES
from kinscape.client import Client
from tests.backend.api.test_uploads import begin, piece
from tests.conftest import Server, free_port, save_networks

DISK = 900 << 20


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("disk")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=False)
    if made.returncode:
        pytest.skip("a full disk needs a mount, which this machine does not allow")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def crowded(small_disk: Path) -> Iterator[Server]:
    """A server on a small disk of which uploads leave nothing free."""
    made = Server(small_disk / "data", free_port(), environment={"KINSCAPE_KEEP_FREE_BYTES": "0"})
    made.start()
    yield made
    made.stop()


def fill(disk: Path, *, leave: int) -> None:
    """Take up the disk but for so many bytes."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    with filler.open("ab") as file:
        piece_of_it = b"\0" * (1 << 20)
        for _ in range((free - leave) >> 20):
            file.write(piece_of_it)


@pytest.mark.fault("a full disk")
def test_room_is_promised_to_uploads_under_way(crowded: Server) -> None:
    with Client(crowded.url) as client:
        project = client.create_project("promises")
    free = shutil.disk_usage(crowded.data).free
    first = begin(crowded, project, free // 2, name="first")
    assert first.status_code == 201
    second = begin(crowded, project, free * 3 // 4, name="second")
    assert second.status_code == 507
    told = second.json()
    assert "promised to uploads under way" in told["detail"]
    assert told["needed_bytes"] == free * 3 // 4
    assert told["free_bytes"] < free * 0.6
    httpx.delete(crowded.url + first.headers["Location"], headers={"Tus-Resumable": "1.0.0"}).raise_for_status()
    assert begin(crowded, project, free * 3 // 4, name="third").status_code == 201


@pytest.mark.fault("a full disk")
@pytest.mark.slow
def test_everything_goes_on_when_there_is_room_again(
    crowded: Server, small_disk: Path, tmp_path: Path, probe_file: Path
) -> None:
    with Client(crowded.url) as client:
        project = client.create_project("crowded")
        networks = [project.upload_checkpoint(path) for path in save_networks(tmp_path, 2)]
        probe = project.upload_probe(probe_file)
        large = begin(crowded, project, 64 << 20, name="large")
        data = b"\1" * (32 << 20)
        fill(small_disk, leave=80 << 20)
        try:
            asked = project.compare(checkpoints=networks, measures=["disagreement"], probe=probe)
            time.sleep(5)
            shown = httpx.get(f"{crowded.url}/api/v1/comparisons/{asked.id}/progress").json()
            assert shown["state"] == "running"
            assert f"needs {LEAST_FREE_BYTES >> 20}" in shown["waiting"]
            assert not httpx.get(f"{crowded.url}/api/v1/health").json()["room"]
            fill(small_disk, leave=1 << 20)
            for _ in range(3):
                answer = piece(crowded, large.headers["Location"], data, 0)
                assert answer.status_code == 507
                assert "disk is full" in answer.json()["detail"]
            # Long enough for a program that cannot write to die as often as the launcher would bear.
            time.sleep(20)
            assert crowded.process is not None
            assert crowded.process.poll() is None
        finally:
            (small_disk / "filler").unlink()
        asked.wait(timeout_s=240)
        assert asked.matrix("disagreement").values.shape == (2, 2)
        # Nothing that was acknowledged is gone.
        assert piece(crowded, large.headers["Location"], data, 0).headers["Upload-Offset"] == str(len(data))
