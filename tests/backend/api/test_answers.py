"""What the page of a comparison reads: matrices to draw, the table of models, sentences, names, deletion."""

import base64
import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from kinscape import Client
from kinscape.client import ClientError, Comparison, Project
from tests.conftest import Server, save_networks

MEASURES = ["disagreement", "linear-cka", "kl-divergence", "weight-l2", "accuracy", "ece", "hessian-trace", "rankme"]


@pytest.fixture(scope="module")
def asked(client: Client, networks: list[Path], digits_train: Path, probe_file: Path) -> Comparison:
    """Two groups of three networks."""
    project = client.create_project("answers")
    ids = [
        project.upload_checkpoint(
            file, name=f"n{i}", architecture="lenet", arguments={"classes": 10}, group="one" if i < 3 else "two"
        )
        for i, file in enumerate(networks[:6])
    ]
    probes = [
        project.upload_probe(probe_file, name="held"),
        project.upload_probe(digits_train, name="train", role="train"),
    ]
    comparison = project.compare(checkpoints=ids, probe=probes[0], train_probe=probes[1], measures=MEASURES)
    return comparison.wait(timeout_s=180)


def address(server: Server, asked: Comparison, rest: str) -> str:
    return f"{server.url}/api/v1/comparisons/{asked.id}{rest}"


def read(body: bytes) -> tuple[dict[str, object], list[np.ndarray]]:
    """Header and arrays of a matrix as a browser reads them."""
    length = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + length])
    rows, columns = len(header["ids"]), header["columns"]
    sent = rows * (rows + 1) // 2 if header["is_triangle"] else rows * columns
    grids = [np.frombuffer(body, "<f4", sent, 4 + length + 4 * k * sent) for k in range(3)]
    if header["has_reasons"]:
        grids.append(np.frombuffer(body, "<i2", sent, 4 + length + 12 * sent))
    assert len(body) == 4 + length + 12 * sent + (2 * sent if header["has_reasons"] else 0)
    return header, grids


@pytest.mark.parametrize("measure", ["disagreement", "linear-cka", "kl-divergence", "accuracy"])
def test_a_drawn_matrix_holds_the_same_numbers(server: Server, asked: Comparison, measure: str) -> None:
    answer = httpx.get(address(server, asked, f"/matrix?measure={measure}&format=float32"))
    header, grids = read(answer.content)
    whole = asked.packed_matrix(measure)
    assert header["is_triangle"] is (measure in ("disagreement", "linear-cka"))
    where = np.triu_indices(6) if header["is_triangle"] else ...
    for sent, exact in zip(grids, (whole.values, whole.low, whole.high), strict=False):
        np.testing.assert_array_equal(sent, exact.astype("<f4")[where].ravel())


def test_a_drawn_matrix_is_sent_again_only_when_it_changed(server: Server, asked: Comparison) -> None:
    place = address(server, asked, "/matrix?measure=disagreement&format=float32")
    tag = httpx.get(place).headers["ETag"]
    assert httpx.get(place, headers={"If-None-Match": tag}).status_code == 304
    assert httpx.get(address(server, asked, "/matrix?measure=linear-cka&format=float32")).headers["ETag"] != tag
    checkpoint = next(iter(asked.checkpoints()))
    httpx.patch(f"{server.url}/api/v1/checkpoints/{checkpoint.id}", json={"name": "renamed"})
    changed = httpx.get(place, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert "renamed" in read(changed.content)[0]["labels"]  # type: ignore[operator]
    httpx.patch(f"{server.url}/api/v1/checkpoints/{checkpoint.id}", json={"name": "n0"})


def test_a_part_that_was_not_computed_says_why(
    server: Server, project: Project, tmp_path: Path, probe_file: Path
) -> None:
    files = save_networks(tmp_path, 2, metadata=False)
    one = project.upload_checkpoint(files[0], name="known", architecture="lenet", arguments={"classes": 10})
    two = project.upload_checkpoint(files[1], name="weights")
    comparison = project.compare(
        checkpoints=[one, two], probe=project.upload_probe(probe_file), measures=["disagreement"]
    ).wait(timeout_s=60)
    header, grids = read(httpx.get(address(server, comparison, "/matrix?measure=disagreement&format=float32")).content)
    assert np.isnan(grids[0][1])
    told = header["reasons"][grids[3][1]]  # type: ignore[index]
    assert told["why"] == "needs-more", told


def test_the_table_of_models_holds_every_column(server: Server, asked: Comparison) -> None:
    table = httpx.get(address(server, asked, "/models")).json()
    assert [c["measure"] for c in table["columns"]] == ["accuracy", "ece", "hessian-trace", "rankme"]
    assert table["labels"] == [f"n{i}" for i in range(6)]
    exact = asked.table(["accuracy", "ece", "hessian-trace"]).values
    values = np.frombuffer(base64.b64decode(table["values"]["data"]), "<f8").reshape(6, 4)
    np.testing.assert_array_equal(values[:, :3], exact)


def test_every_sentence_has_an_interval_or_a_test(server: Server, asked: Comparison) -> None:
    answer = httpx.get(address(server, asked, "/answer")).json()
    assert answer["measure"] == "disagreement"
    assert answer["columns"] == ["hessian-trace", "ece", "accuracy"]
    topics = [s["topic"] for s in answer["sentences"]]
    assert topics == ["Alike:", "Sharpness:", "Calibration:", "Association:"]
    for sentence in answer["sentences"]:
        assert " to " in sentence["text"] or "p = " in sentence["text"], sentence
    alike = answer["sentences"][0]
    values = asked.matrix("disagreement").values
    ids = list(asked.details.checkpoints)
    off = values[np.triu_indices(6, 1)]
    assert values[ids.index(alike["view"]["a"]), ids.index(alike["view"]["b"])] == off.min()
    assert "6 independent networks" in answer["sentences"][1]["text"]


def test_a_comparison_that_cannot_answer_says_what_would(
    server: Server, project: Project, networks: list[Path], probe_file: Path
) -> None:
    models = [project.upload_checkpoint(f, architecture="lenet", arguments={"classes": 10}) for f in networks[:2]]
    comparison = project.compare(checkpoints=models, probe=project.upload_probe(probe_file), measures=["l2-norm"]).wait(
        timeout_s=60
    )
    answer = httpx.get(address(server, comparison, "/answer")).json()
    assert answer["sentences"] == []
    assert any("functional similarity" in line for line in answer["untold"])


def test_a_comparison_is_renamed_deleted_and_restored_with_its_links(
    client: Client, project: Project, networks: list[Path], probe_file: Path
) -> None:
    probe = project.upload_probe(probe_file)
    models = [project.upload_checkpoint(f, architecture="lenet", arguments={"classes": 10}) for f in networks[:2]]
    comparison = project.compare(checkpoints=models, probe=probe, measures=["weight-l2"]).wait(timeout_s=60)
    comparison.change(name="a name", notes="first line\r\nsecond")
    assert (comparison.details.name, comparison.details.notes) == ("a name", "first line\nsecond")
    url = comparison.share().url
    assert url is not None
    comparison.delete()
    assert httpx.get(url).status_code == 404
    with pytest.raises(ClientError, match="was deleted"):
        client.comparison(comparison.id)
    assert [c.id for c in project.deleted_comparisons()] == [comparison.id]
    assert [c.id for c in project.comparisons()] == []
    client.restore_comparison(comparison.id)
    assert httpx.get(url).status_code == 303
    with pytest.raises(ClientError, match="no deleted comparison"):
        client.restore_comparison(comparison.id)
    comparison.delete()
    # The same question asked again is the same comparison.
    again = project.compare(checkpoints=models, probe=probe, measures=["weight-l2"])
    assert again.id == comparison.id
    assert again.wait(timeout_s=60).details.name == "a name"
    comparison.delete()
    # What only a deleted comparison shows may go, and comes back with it.
    client.http.delete(f"/checkpoints/{models[0].id}")
    assert client.restore_comparison(comparison.id).labels == [m.name for m in models]


@pytest.mark.parametrize("body", [{"name": "a\x00b"}, {"notes": "a\x00b"}, {"name": "x" * 201}, {"colour": "red"}])
def test_a_name_that_cannot_be_written_is_refused(server: Server, asked: Comparison, body: dict[str, str]) -> None:
    assert httpx.patch(address(server, asked, ""), json=body).status_code == 422
