"""Bad input gets a sentence that says what to change, the right status, and changes nothing."""

import datetime as dt
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kinscape import Client, build
from kinscape.client import ClientError, Project

LENET: dict[str, Any] = {"architecture": "lenet", "arguments": {"classes": 10}}


def refused(status: int, sentence: str):
    """A client error with this status whose message matches."""
    return pytest.raises(ClientError, match=sentence, check=lambda e: e.status == status)


def test_an_unknown_architecture_or_argument_is_named(project: Project, networks: list[Path]) -> None:
    with refused(422, "Unknown architecture 'alexnet'; known: .*cnn, .*lenet"):
        project.upload_checkpoint(networks[0], architecture="alexnet")
    with refused(422, "no argument 'width'"):
        project.upload_checkpoint(networks[0], architecture="lenet", arguments={"width": 3})
    with refused(422, "must be a whole number"):
        project.upload_checkpoint(networks[0], architecture="lenet", arguments={"classes": -1})
    assert project.checkpoints() == []


def test_tensors_that_do_not_fit_are_a_table(project: Project, networks: list[Path], tmp_path: Path) -> None:
    state = load_file(networks[0])
    del state["features.3.bias"]
    state["extra"] = torch.zeros(2)
    state["classifier.4.weight"] = torch.zeros(7, 84)
    save_file(state, tmp_path / "odd.safetensors")
    with refused(422, "do not fit lenet"):
        project.upload_checkpoint(tmp_path / "odd.safetensors", **LENET)
    table = {m.tensor: (m.expected, m.found) for m in project.checkpoints()[0].mismatches}
    assert table == {
        "features.3.bias": ((16,), None),
        "classifier.4.weight": ((10, 84), (7, 84)),
        "extra": (None, (2,)),
    }


def test_an_empty_file_is_refused_before_anything_is_stored(project: Project, tmp_path: Path) -> None:
    (tmp_path / "empty.safetensors").touch()
    with refused(422, "The file is empty"):
        project.upload_checkpoint(tmp_path / "empty.safetensors", **LENET)
    assert project.checkpoints() == []


def test_the_same_weights_may_come_twice_which_is_said(project: Project, networks: list[Path], tmp_path: Path) -> None:
    """Two runs share their start; both are one independent model."""
    first = project.upload_checkpoint(networks[0], name="first", **LENET)
    torch.save(load_file(networks[0]), tmp_path / "same.pt")
    for name, path in (("second", networks[0]), ("third", tmp_path / "same.pt")):
        again = project.upload_checkpoint(path, name=name, **LENET)
        assert again.content_hash == first.content_hash
        assert "weights are those of 'first'" in again.reason
        assert again.root == "first"
    with refused(409, "named 'first' exists"):
        project.upload_checkpoint(networks[1], name="first", **LENET)
    assert sorted(c.name for c in project.checkpoints() if c.state == "ready") == ["first", "second", "third"]
    first.delete()


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "\"quoted\" 'both'", "🦊 ünïcode", "=1+1", "1e5", "../../etc"]
)
def test_any_printable_name_is_kept_as_it_is(name: str, project: Project, networks: list[Path]) -> None:
    assert project.upload_checkpoint(networks[0], name=name, **LENET).name == name


@pytest.mark.parametrize(("name", "sentence"), [("x" * 10_000, "at most 200"), ("a\x00b", "control"), ("  ", "empty")])
def test_names_that_nobody_can_use_are_refused(
    name: str, sentence: str, project: Project, networks: list[Path]
) -> None:
    with refused(422, sentence):
        project.upload_checkpoint(networks[0], name=name, **LENET)


def ready(project: Project, networks: list[Path], probe_file: Path, count: int = 2) -> tuple[list[int], int]:
    models = [project.upload_checkpoint(f, **LENET).id for f in networks[:count]]
    return models, project.upload_probe(probe_file).id


def test_comparisons_that_cannot_be_asked(project: Project, networks: list[Path], probe_file: Path) -> None:
    models, probe = ready(project, networks, probe_file)

    def ask(**changes: Any) -> None:
        wish = {"checkpoints": models, "probe": probe, "measures": ["linear-cka"], **changes}
        project.compare(**wish)

    with refused(422, "Choose checkpoints"):
        ask(checkpoints=[])
    with refused(422, "at least two checkpoints: linear-cka compares pairs"):
        ask(checkpoints=models[:1])
    with refused(422, "at least two"):
        ask(checkpoints=[models[0]] * 2)
    with refused(404, "no checkpoint 999999"):
        ask(checkpoints=[*models, 999_999])
    with refused(422, "Unknown measure 'cka'; known:"):
        ask(measures=["cka"])
    with refused(422, "no parameter 'k'"):
        ask(measures=[{"slug": "linear-cka", "parameters": {"k": 5}}])
    with refused(422, "between 1 and 200"):
        ask(measures=[{"slug": "knn-jaccard", "parameters": {"k": 0}}])
    with refused(422, "whole number"):
        ask(measures=[{"slug": "knn-jaccard", "parameters": {"k": 2.5}}])
    with refused(422, "has no layer 'features.9'; its layers: features, features.0"):
        ask(layers=["features.9"])
    assert project.comparisons() == []


def test_a_probe_set_that_does_not_fit_is_named(
    project: Project, networks: list[Path], tmp_path: Path, probe_file: Path
) -> None:
    models, _ = ready(project, networks, probe_file)
    shapes = {"colour": (20, 3, 8, 8), "tiny": (20, 1, 4, 4), "flat": (20, 64)}
    for name, shape in shapes.items():
        np.savez(tmp_path / f"{name}.npz", x=np.random.default_rng(0).normal(size=shape), y=np.arange(20) % 10)
        probe = project.upload_probe(tmp_path / f"{name}.npz")
        with refused(422, f"Probe set '{name}' does not fit checkpoint"):
            project.compare(checkpoints=models, probe=probe, measures=["linear-cka"])
    np.savez(tmp_path / "many.npz", x=np.zeros((20, 1, 8, 8)), y=np.arange(20))
    with refused(422, "labels go up to 19, the network predicts 10 classes"):
        project.compare(checkpoints=models, probe=project.upload_probe(tmp_path / "many.npz"), measures=["accuracy"])


def test_a_layer_that_one_model_lacks_is_named(
    project: Project, networks: list[Path], probe_file: Path, tmp_path: Path
) -> None:
    models, probe = ready(project, networks, probe_file)
    save_file(build("cnn", classes=10).state_dict(), tmp_path / "cnn.safetensors")
    other = project.upload_checkpoint(tmp_path / "cnn.safetensors", architecture="cnn", arguments={"classes": 10})
    with refused(422, "Checkpoint 'cnn' has no layer 'classifier.3'"):
        project.compare(checkpoints=[*models, other], probe=probe, measures=["linear-cka"], layers=["classifier.3"])
    mixed = project.compare(
        checkpoints=[models[0], other.id], probe=probe, measures=["linear-cka", "weight-cosine", "loss-barrier"]
    )
    mixed.wait(timeout_s=60)
    assert mixed.status == "done"
    assert np.isfinite(mixed.matrix("linear-cka").values).all(), "penultimate layers of any width can be compared"
    for measure in ("weight-cosine", "loss-barrier"):
        assert mixed.matrix(measure).reasons[0, 1] == "Not comparable: different architectures."


def test_doing_things_twice_is_a_sentence(project: Project, networks: list[Path], probe_file: Path) -> None:
    models, probe = ready(project, networks, probe_file)
    comparison = project.compare(checkpoints=models, probe=probe, measures=["sam-sharpness-random-mean"])
    comparison.cancel()
    with refused(409, "nothing to cancel"):
        comparison.cancel()
    comparison.retry()
    comparison.wait(timeout_s=60)
    assert comparison.status == "done"
    share = comparison.share()
    share.revoke()
    with refused(409, "already revoked"):
        share.revoke()
    with refused(409, "revoked for good"):
        share.extend(5)


def test_an_expired_link_is_extended(project: Project, networks: list[Path], probe_file: Path, client: Client) -> None:
    models, probe = ready(project, networks, probe_file)
    comparison = project.compare(checkpoints=models, probe=probe, measures=["disagreement"]).wait(timeout_s=60)
    share = comparison.share(expires_in_days=1)
    with refused(422, "expires_in_days"):
        share.extend(0)
    share.extend(90)
    left = dt.datetime.fromisoformat(comparison.shares()[0].expires) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=89) < left < dt.timedelta(days=91)
    with refused(404, "no share 999999"):
        client.http.post("/shares/999999/extend", json={"expires_in_days": 2})


def test_what_does_not_exist_is_a_problem_document(server: Any, client: Client) -> None:
    for method, path in (
        ("GET", "/api/v1/nothing-here"),
        ("GET", "/api"),
        ("POST", "/api/v1/comparisons/999999/shares"),
        ("GET", "/api/v1/comparisons/999999"),
        ("GET", "/s/wrong"),
    ):
        answer = httpx.request(method, server.url + path, json={} if method == "POST" else None)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json", path
        assert len(answer.json()["detail"]) > 20


@pytest.mark.fault("formulas in an exported table")
def test_a_csv_holds_nothing_that_a_spreadsheet_would_run(
    project: Project, networks: list[Path], probe_file: Path
) -> None:
    models = [project.upload_checkpoint(f, name=f"={i}+1", **LENET) for i, f in enumerate(networks[:2])]
    comparison = project.compare(checkpoints=models, probe=project.upload_probe(probe_file), measures=["disagreement"])
    comparison.wait(timeout_s=60)
    text = comparison.export("disagreement")
    assert "'=0+1" in text
    assert ",=0+1" not in text
