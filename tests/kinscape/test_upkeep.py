"""Backups that bring everything back, and a doctor that says what is wrong."""

import io
import json
import os
import re
import signal
import tarfile
from pathlib import Path

import httpx
import numpy as np
import pytest

from kinscape.cli import main
from kinscape.client import Client, Project
from kinscape.local.children import LONGEST_LOG, Child
from tests.backend.api.test_collecting import stored
from tests.conftest import Server, free_port


@pytest.fixture(scope="module")
def filled(client: Client, networks: list[Path], probe_file: Path) -> tuple[Project, int, str]:
    """A project with a comparison and a link."""
    project = client.create_project("kept")
    models = [project.upload_checkpoint(path) for path in networks[:3]]
    probe = project.upload_probe(probe_file)
    comparison = project.compare(checkpoints=models, probe=probe, measures=["disagreement", "hessian-trace"]).wait()
    address = comparison.share().url
    assert address is not None
    return project, comparison.id, address.rsplit("/", 1)[1]


@pytest.fixture(scope="module")
def backup(server: Server, filled: tuple[Project, int, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the running server."""
    file = tmp_path_factory.mktemp("backup") / "all.tar"
    assert main(["backup", str(file), "--data", str(server.data)]) == 0
    return file


@pytest.mark.fault("a folder that is wrecked, and restored from its backup")
def test_a_backup_brings_back_numbers_links_and_files(
    backup: Path, client: Client, filled: tuple[Project, int, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, number, token = filled
    assert backup.stat().st_mode & 0o077 == 0
    data = tmp_path / "restored"
    assert main(["restore", str(backup), "--data", str(data)]) == 0
    assert "files (" in capsys.readouterr().out
    before = client.comparison(number)
    one = Server(data, free_port()).start()
    try:
        with Client(one.url, "") as again:
            after = again.comparison(number)
            for measure in ("disagreement", "hessian-trace"):
                old, new = before.packed_matrix(measure), after.packed_matrix(measure)
                for part in ("values", "low", "high"):
                    assert np.array_equal(getattr(old, part), getattr(new, part), equal_nan=True), (measure, part)
            assert httpx.get(f"{one.url}/s/{token}").status_code == 303
            there = again.project_numbered(project.id)
            assert [c.name for c in there.checkpoints()] == [c.name for c in project.checkpoints()]
            # Numbers go on where they ended, and the files are there to compute with.
            models = there.checkpoints()
            fresh = there.compare(checkpoints=models, probe=there.probes()[0], measures=["linear-cka"]).wait()
            assert fresh.status == "done"
            assert fresh.id > number
            assert main(["restore", str(backup), "--data", str(data)]) == 1
            assert "Kinscape runs on" in capsys.readouterr().err
    finally:
        one.stop()
    assert main(["restore", str(backup), "--data", str(data)]) == 1
    assert re.search(r"There are \d+ projects here already", capsys.readouterr().err)
    assert main(["doctor", "--data", str(data), "--every-byte"]) == 0
    assert "each with the bytes that came" in capsys.readouterr().out


def repacked(backup: Path, target: Path, *, damage: str) -> Path:
    """The same backup with one member changed, left out or added."""
    with tarfile.open(backup) as old, tarfile.open(target, "w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            content = file.read()
            if damage == "table" and member.name == "tables/checkpoints":
                content = content.replace(b"net_seed0", b"net_seed9", 1)
            if damage == "file" and member.name.startswith("content/"):
                content = content[:-1] + bytes([content[-1] ^ 1])
            if damage == "newer" and member.name == "manifest.json":
                content = json.dumps({**json.loads(content), "migration": "9999"}).encode()
            if damage == "bytes" and member.name == "tables/checkpoints":
                content = b"\xff" + content[1:]
            if damage == "unknown" and member.name == "manifest.json":
                known = json.loads(content)
                known["tables"][0]["columns"][0] = "colour"
                content = json.dumps(known).encode()
            if damage == "nothing" and member.name == "manifest.json":
                content = json.dumps({**json.loads(content), "tables": []}).encode()
            if damage == "missing" and member.name == "tables/matrix_rows":
                continue
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
        if damage == "added":
            new.addfile(tarfile.TarInfo("../../etc/passwd"), io.BytesIO(b""))
    return target


@pytest.mark.fault("a damaged backup")
@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("table", "the table checkpoints is not what it was"),
        ("file", "is not what it was"),
        ("bytes", "the table checkpoints is not what it was"),
        ("unknown", "was changed"),
        ("nothing", "names too few tables"),
        ("newer", "made by a newer Kinscape"),
        ("missing", "tables/matrix_rows is missing"),
        ("added", "which its manifest does not name"),
    ],
)
def test_a_damaged_backup_restores_nothing(
    backup: Path, tmp_path: Path, damage: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    file = repacked(backup, tmp_path / "damaged.tar", damage=damage)
    assert main(["restore", str(file), "--data", str(data)]) == 1
    assert sentence in capsys.readouterr().err
    # The whole one can follow into the same folder.
    assert main(["restore", str(backup), "--data", str(data)]) == 0


def test_a_backup_goes_where_a_link_points_and_never_over_a_device(
    server: Server, filled: tuple[Project, int, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.tar").symlink_to(tmp_path / "real" / "target.tar")
    assert main(["backup", str(tmp_path / "link.tar"), "--data", str(server.data)]) == 0
    assert (tmp_path / "link.tar").is_symlink()
    assert tarfile.is_tarfile(tmp_path / "real" / "target.tar")
    os.mkfifo(tmp_path / "pipe")
    assert main(["backup", str(tmp_path / "pipe"), "--data", str(server.data)]) == 1
    assert "is no plain file" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "sentence"), [(b"", "not a whole backup"), (b"x" * 5000, "not a whole backup")])
def test_what_is_no_backup_is_said(
    tmp_path: Path, content: bytes, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    assert main(["restore", str(tmp_path / "x.tar"), "--data", str(tmp_path / "data")]) == 1
    assert sentence in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "none.tar"), "--data", str(tmp_path / "data")]) == 1
    assert "There is no file" in capsys.readouterr().err


def test_the_doctor_names_what_is_lost(
    server: Server, client: Client, networks: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--data", str(server.data)]) == 0
    said = capsys.readouterr().out
    assert "Kinscape runs on" in said
    assert re.search(r"\d+ workers on cpu", said)
    lost = client.create_project("lost").upload_checkpoint(networks[5], name="lost one")
    moved = [(path, path.with_suffix(".away")) for path in stored(server, lost.id)]
    for path, away in moved:
        path.rename(away)
    try:
        assert main(["doctor", "--data", str(server.data)]) == 1
        said = capsys.readouterr()
        assert "A file of the checkpoint 'lost one' is missing: upload it again under its name." in said.out
        assert "Something is wrong" in said.err
    finally:
        for path, away in moved:
            away.rename(path)
    path = moved[0][0]
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert main(["doctor", "--data", str(server.data)]) == 0
        assert main(["doctor", "--data", str(server.data), "--every-byte"]) == 1
        assert "'lost one' is damaged" in capsys.readouterr().out
    finally:
        path.write_bytes(content)
        for damaged in path.parent.glob("*.damaged"):
            damaged.unlink()


def test_the_doctor_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--data", str(tmp_path)]) == 1
    assert "There is no Kinscape in" in capsys.readouterr().out
    (tmp_path / "postgres").mkdir()
    assert main(["doctor", "--data", str(tmp_path)]) == 1
    assert list((tmp_path / "postgres").iterdir()) == []


def test_changes_say_who_did_what(
    server: Server, client: Client, networks: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    project = client.create_project("audited")
    checkpoint = project.upload_checkpoint(networks[0], name="seen")
    checkpoint.delete()
    checkpoint.restore()
    project.rename("audited twice")
    project.delete()
    newest = client.changes()[:5]
    assert [(e.action, e.name) for e in newest[:4]] == [
        ("projects.delete", "audited twice"),
        ("projects.change", "audited twice"),
        ("checkpoints.restore", "seen"),
        ("checkpoints.delete", "seen"),
    ]
    assert newest[0].client == "127.0.0.1"
    assert newest[0].path == f"/api/v1/projects/{project.id}"
    # What was refused, and what was only asked, changed nothing.
    count = len(client.changes())
    httpx.delete(f"{server.url}/api/v1/projects/{project.id}")
    httpx.get(f"{server.url}/api/v1/projects")
    assert len(client.changes()) == count
    assert main(["--url", server.url, "changes", "--most", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.fault("a log that grows")
def test_a_long_log_begins_anew_and_what_it_held_stays_once(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    child = Child("web", [], log, stop_by=signal.SIGTERM, environment={})
    child.rotate_log()
    log.write_bytes(b"x" * 100)
    child.rotate_log()
    assert log.stat().st_size == 100
    with log.open("ab") as out:
        out.truncate(LONGEST_LOG + 1)
        child.rotate_log()
        assert log.stat().st_size == 0
        out.write(b"goes on")
    assert log.read_bytes() == b"goes on"
    assert log.with_suffix(".log.1").stat().st_size == LONGEST_LOG + 1
