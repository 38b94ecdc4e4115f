"""Notes on projects, checkpoints and probe sets; links that say who sent them and open one measure alone."""

import json
from pathlib import Path

import httpx
import pytest

from kinscape import Client
from kinscape.cli import main
from kinscape.client import ClientError, Comparison, Project
from kinscape.client.share import Share
from tests.conftest import Server


def test_notes_are_written_changed_and_taken_away(project: Project, networks: list[Path], probe_file: Path) -> None:
    project.change(notes=" first line\nsecond line ")
    assert (project.details.notes, project.name) == ("first line\nsecond line", project.details.name)
    checkpoint = project.upload_checkpoint(networks[0], notes="trained twice")
    assert checkpoint.notes == "trained twice"
    assert checkpoint.edit(notes="once").notes == "once"
    assert checkpoint.edit(group="a").notes == "once"
    assert checkpoint.edit(notes="").notes == ""
    probe = project.upload_probe(probe_file, name="p", notes="of the second session")
    assert probe.notes == "of the second session"
    assert project.edit_probe(probe, notes="of the third").notes == "of the third"
    assert project.edit_probe(probe, name="q").notes == "of the third"


@pytest.mark.parametrize("notes", ["x" * 20_001, "a\x00b", "\x1b[31mred"])
def test_notes_that_are_too_long_or_no_text_are_refused(project: Project, notes: str) -> None:
    with pytest.raises(ClientError):
        project.change(notes=notes)
    assert project.details.notes == ""


def test_notes_are_written_from_the_command_line(
    server: Server, project: Project, networks: list[Path], tmp_path: Path, client: Client
) -> None:
    project.upload_checkpoint(networks[0], name="net")
    table = tmp_path / "notes.csv"
    table.write_text("name,notes\nnet,from a table\n")
    there = ["--url", server.url]
    assert main([*there, "describe", str(table), "--project", project.name]) == 0
    assert project.checkpoints()[0].notes == "from a table"
    assert main([*there, "project", "change", project.name, "--notes", "what it is for"]) == 0
    assert client.project_numbered(project.id).details.notes == "what it is for"


@pytest.fixture
def asked(project: Project, networks: list[Path], probe_file: Path) -> Comparison:
    """Two networks with notes, by two measures of pairs and one of single models."""
    two = [project.upload_checkpoint(f, notes="secret", metrics={"accuracy": 0.5}) for f in networks[:2]]
    probe = project.upload_probe(probe_file)
    return project.compare(checkpoints=two, probe=probe, measures=["disagreement", "js-divergence", "accuracy"]).wait()


def _visitor(server: Server, share: Share) -> Client:
    return Client(server.url, headers={"Kinscape-Share": page_token(share)})


def test_a_link_to_one_matrix_names_a_measure_of_pairs(asked: Comparison) -> None:
    share = asked.share(view="tab=pair&a=1&b=2", scope="matrix", made_by="  Ada ")
    assert share.view == "tab=matrix&a=1&b=2&measure=disagreement"
    assert (share.scope, share.made_by) == ("matrix", "Ada")
    for wrong in ("measure=accuracy", "measure=nothing"):
        with pytest.raises(ClientError, match="names a measure of pairs of this comparison"):
            asked.share(view=wrong, scope="matrix")
    with pytest.raises(ClientError):
        asked.share(scope="everything")
    for hidden in ("a\x07b", "\u202eevil", "\u200b"):
        with pytest.raises(ClientError):
            asked.share(made_by=hidden)
    ordered = asked.share(view="tab=matrix&order=by:accuracy&columns=accuracy&x=accuracy&cut=2", scope="matrix")
    assert ordered.view == "tab=matrix&cut=2&measure=disagreement"


def test_the_other_numbers_are_refused_whatever_the_address(server: Server, asked: Comparison) -> None:
    share = asked.share(view="tab=matrix&measure=js-divergence", scope="matrix")
    visitor = _visitor(server, share)
    opened = visitor.comparison(asked.id)
    assert [m.key for m in opened.details.measures] == ["js-divergence"]
    assert opened.matrix("js-divergence").values.shape == (2, 2)
    for refused in (
        lambda: opened.matrix("disagreement"),
        lambda: opened.table(["accuracy"]),
        lambda: visitor.comparison(asked.id).shares(),
    ):
        with pytest.raises(ClientError, match="This link does not open that"):
            refused()


def test_an_embedded_link_to_one_matrix_holds_that_alone(server: Server, asked: Comparison) -> None:
    share = asked.share(view="tab=map&measure=js-divergence", scope="matrix")
    page = httpx.get(f"{share.url}/embed")
    assert page.status_code == 200
    held = json.loads(page.text.split('id="offline">', 1)[1].split("</script>", 1)[0])
    assert sorted(path.split("?")[0].rsplit("/", 1)[1] for path in held) == sorted(
        ["measures", str(asked.id), "checkpoints", "matrix"]
    )
    assert [m["key"] for m in held[f"/comparisons/{asked.id}"]["measures"]] == ["js-divergence"]
    assert not any("disagreement" in path for path in held)
    assert httpx.get(f"{server.url}/page/{asked.id}", headers={"Kinscape-Share": page_token(share)}).status_code == 403


def page_token(share: Share) -> str:
    """The token of a link that was just made."""
    return (share.url or "").rsplit("/", 1)[1]


def test_a_masked_link_keeps_no_words_and_confirms_no_names(
    project: Project, networks: list[Path], probe_file: Path, server: Server
) -> None:
    for k, file in enumerate(networks[:4]):
        project.upload_checkpoint(file, name=f"secret {k}", group=("ours", "theirs")[k // 2])
    made = project.compare(
        checkpoints=project.checkpoints(), probe=project.upload_probe(probe_file), measures=["disagreement"]
    )
    share = made.wait().share(
        masked=True, view="tab=models&find=secret group:ours&columns=secret&g=ours&x=ours&order=name"
    )
    assert share.view == "tab=models&order=name"
    place = f"{server.url}/api/v1/comparisons/{made.id}/contrast?measure=disagreement"
    asked = {
        name: httpx.get(f"{place}&a={name}&b=group B", headers={"Kinscape-Share": page_token(share)})
        for name in ("ours", "nobody", "group A")
    }
    assert asked["group A"].status_code == 200
    assert asked["ours"].status_code == asked["nobody"].status_code == 404


def test_a_masked_link_does_not_say_who_made_it(server: Server, asked: Comparison) -> None:
    share = asked.share(masked=True, made_by="Ada", scope="matrix")
    visitor = _visitor(server, share)
    assert visitor.opened_share().made_by == ""
    assert _visitor(server, asked.share(made_by="Ada")).opened_share().made_by == "Ada"
