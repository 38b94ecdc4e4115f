"""Bundles of studies: made, verified without a server, computed again in a fresh project."""

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kinscape import Client, bundles
from kinscape.backend.contracts.bundles import CELLS, MANIFEST, ROOT, Manifest, root_of
from kinscape.cli import main
from kinscape.client import ClientError, Study
from tests.conftest import Server

LENET = {"architecture": "lenet", "arguments": {"classes": 10}}


@pytest.fixture(scope="module")
def study(client: Client, networks: list[Path], probe_file: Path, digits_train: Path) -> Study:
    """Two teachers, each with a student, after it has run."""
    project = client.create_project("to be bundled")
    for i in range(2):
        project.upload_checkpoint(networks[i], name=f"=t{i}", group="teacher", tags={"seed": str(i)}, **LENET)
        project.upload_checkpoint(networks[2 + i], name=f"s{i}", group="kd", teacher=f"=t{i}", **LENET)
    probe = project.upload_probe(probe_file, name="digits")
    train = project.upload_probe(digits_train, name="train", role="train")
    made = project.study(
        "distillation",
        roles={"teacher": "group:teacher", "student": "group:kd"},
        probe=probe,
        train_probe=train,
        measures=["activation-distance", {"slug": "linear-cka"}, "negative-transfer"],
        name="kd",
    )
    return made.run().wait(timeout_s=120)


@pytest.fixture(scope="module")
def bundle(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle, with files."""
    return study.bundle(tmp_path_factory.mktemp("bundle") / "kd.zip")


def rewritten(bundle: Path, target: Path, name: str, change: Callable[[str], str]) -> Path:
    """A copy of a bundle in which one file was changed."""
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(target, "w") as out:
        for member in source.namelist():
            body = source.read(member)
            out.writestr(member, change(body.decode()) if member == name else body)
    return target


def test_a_bundle_says_what_its_numbers_depend_on(bundle: Path, study: Study) -> None:
    opened = bundles.opened(bundle)
    manifest = opened.manifest
    assert bundles.faults(opened) == []
    assert {c.name for c in manifest.checkpoints} == {"=t0", "=t1", "s0", "s1"}
    assert [m.slug for m in manifest.measures] == ["activation-distance", "linear-cka"]
    assert all(m.version >= 1 and m.tolerance > 0 for m in manifest.measures)
    assert [p.name for p in manifest.probes] == ["digits", "train"]
    assert manifest.study.hash == study.details.hash
    assert manifest.results.verdict == study.verdict
    assert len(opened.cells) == 10


def test_it_is_computed_again_in_a_fresh_project(bundle: Path, client: Client) -> None:
    again = bundles.reproduce(bundles.opened(bundle), client, project="computed again")
    assert again.holds
    assert again.equal == 30
    assert again.study.verdict == bundles.opened(bundle).manifest.results.verdict
    assert again.study.details.project_name == "computed again"


def test_a_changed_cell_is_named(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def lie(text: str) -> str:
        head, first, *rest = text.splitlines(keepends=True)
        fields = first.split(",")
        fields[4] = "0.5"
        return "".join([head, ",".join(fields), *rest])

    changed = rewritten(bundle, tmp_path / "changed.zip", CELLS, lie)
    found = bundles.faults(bundles.opened(changed))
    assert len(found) == 1
    assert found[0].startswith("A cell was changed: activation-distance between")
    assert found[0].endswith("is 0.5 now.")
    assert main(["verify", str(changed)]) == 1
    assert "A cell was changed" in capsys.readouterr().out
    assert main(["verify", str(bundle)]) == 0
    assert "10 cells of 'kd' are as they were made" in capsys.readouterr().out


def test_cells_that_were_added_or_taken_out_are_named(bundle: Path, tmp_path: Path) -> None:
    def other(text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join([*lines[:-1], lines[-1].replace("linear-cka", "made-up")])

    found = bundles.faults(bundles.opened(rewritten(bundle, tmp_path / "b.zip", CELLS, other)))
    assert any("A cell was added: made-up" in f for f in found)
    assert any("A cell was taken out: linear-cka" in f for f in found)


def test_a_manifest_that_was_made_to_fit_has_another_root(bundle: Path, tmp_path: Path) -> None:
    changed = rewritten(bundle, tmp_path / "c.zip", MANIFEST, lambda text: text.replace('"name": "kd"', '"name": "kb"'))
    assert "manifest.json was changed" in bundles.faults(bundles.opened(changed))[0]


def test_a_file_that_was_exchanged_is_named(bundle: Path, tmp_path: Path, client: Client) -> None:
    target = tmp_path / "d.zip"
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(target, "w") as out:
        for member in source.namelist():
            body = source.read(member)
            out.writestr(member, body[:-1] + b"x" if member.startswith("files/") else body)
    opened = bundles.opened(target)
    assert all(f.startswith("files/") and f.endswith("was changed.") for f in bundles.faults(opened))
    with pytest.raises(ClientError, match="is not what it was"):
        bundles.reproduce(opened, client)


def test_without_files_it_is_verified_and_not_computed(study: Study, tmp_path: Path, client: Client) -> None:
    light = study.bundle(tmp_path / "light.zip", files=False)
    opened = bundles.opened(light)
    assert bundles.faults(opened) == []
    with pytest.raises(ClientError, match="ask for one with files"):
        bundles.reproduce(opened, client)


def test_what_was_added_and_what_is_there_twice_is_named(bundle: Path, tmp_path: Path) -> None:
    target = tmp_path / "e.zip"
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(target, "w") as out, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out.writestr("verdict.txt", "another verdict")
        for member in source.namelist():
            out.writestr(member, source.read(member))
        out.writestr("../../evil.py", "print(1)")
    found = bundles.faults(bundles.opened(target))
    assert "verdict.txt is there twice." in found
    assert "'../../evil.py' was added." in found


def test_a_manifest_that_contradicts_itself_is_told(bundle: Path, tmp_path: Path) -> None:
    """Who signs anew can make the root fit, and still says two things."""
    text = json.loads(zipfile.ZipFile(bundle).read(MANIFEST))
    text["results"]["verdict"] = ["It works."]
    signed = Manifest.model_validate(text).text()
    changed = rewritten(bundle, tmp_path / "f.zip", MANIFEST, lambda _: signed)
    changed = rewritten(changed, tmp_path / "g.zip", ROOT, lambda _: root_of(signed))
    assert bundles.faults(bundles.opened(changed)) == ["verdict.txt does not say what the results say."]


@pytest.mark.parametrize("name", [CELLS, "files"])
def test_a_flipped_bit_is_a_sentence(
    bundle: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = bytearray(bundle.read_bytes())
    with zipfile.ZipFile(bundle) as archive:
        info = next(i for i in archive.infolist() if i.filename.startswith(name))
    raw[info.header_offset + 60 + len(info.filename)] ^= 0xFF
    path = tmp_path / "flipped.zip"
    path.write_bytes(raw)
    assert main(["verify", str(path)]) == 1
    said = capsys.readouterr()
    assert "damaged" in said.out + said.err
    assert "Traceback" not in said.err


def test_another_root_is_another_bundle(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = bundles.opened(bundle).root
    assert main(["verify", str(bundle), "--root", root]) == 0
    assert main(["verify", str(bundle), "--root", "0" * 64]) == 1
    assert "this is another bundle" in capsys.readouterr().out


def test_relatives_outside_a_study_come_along(
    client: Client, networks: list[Path], probe_file: Path, tmp_path: Path
) -> None:
    """Two seeds descend from a network that has no role: without it they would count as independent."""
    project = client.create_project("relatives")
    project.upload_checkpoint(networks[5], name="root", **LENET)
    for i in range(5):
        related = {"parent": "root"} if i < 2 else {}
        project.upload_checkpoint(networks[i], name=f"n{i}", group="g", **LENET, **related)
    project.upload_probe(probe_file, name="digits")
    asked = {"roles": {"seeds": "group:g"}, "probe": "digits", "measures": ["activation-distance"]}
    path = project.study("seeds", **asked).run().wait(timeout_s=60).bundle(tmp_path / "r.zip")
    again = bundles.reproduce(bundles.opened(path), client, project="relatives again")
    assert again.holds
    assert again.study.found.effects[0].n == 4
    other = bundles.opened(path)
    other.manifest.results.effects[0] = other.manifest.results.effects[0].model_copy(update={"n": 5})
    found = bundles._compared(other, bundles.opened(path), again.study)
    assert not found.holds
    assert "n was 5 and is 4 now" in found.effects[0]


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04", b"nothing"])
def test_what_is_no_bundle_is_said_to_be_none(body: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(body)
    assert main(["verify", str(path)]) == 1
    assert "is no bundle of a study" in capsys.readouterr().err


def test_a_bundle_of_a_newer_kinscape_says_so(bundle: Path, tmp_path: Path) -> None:
    def newer(text: str) -> str:
        return json.dumps({**json.loads(text), "format": 99})

    with pytest.raises(ClientError, match="has the format 99"):
        bundles.opened(rewritten(bundle, tmp_path / "new.zip", MANIFEST, newer))


def test_numbers_beyond_their_tolerance_are_listed(bundle: Path, study: Study, tmp_path: Path) -> None:
    before = bundles.opened(bundle)
    after = bundles.opened(bundle)
    after.cells[0]["value"] = repr(float(after.cells[0]["value"]) + 1e-12)
    after.cells[1]["value"] = repr(float(after.cells[1]["value"]) + 0.25)
    del after.cells[2]
    found = bundles._compared(before, after, study)
    assert (found.within, len(found.beyond), len(found.missing)) == (1, 1, 1)
    assert found.beyond[0].after - found.beyond[0].before == pytest.approx(0.25)
    assert not found.holds


def test_the_command_line_makes_and_reproduces_a_bundle(
    study: Study, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["--url", server.url, "--token", ""]
    path = tmp_path / "own.zip"
    assert main([*base, "study", "bundle", str(study.id), str(path)]) == 0
    assert main([*base, "reproduce", str(path), "--project", "by the command line"]) == 0
    assert "30 numbers equal bit for bit" in capsys.readouterr().out
    assert main([*base, "reproduce", str(path), "--project", "by the command line"]) == 1
    assert "exists already" in capsys.readouterr().err
