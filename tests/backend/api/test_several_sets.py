"""Measures on several probe sets: in one comparison, in a study, in a bundle, behind a masked link."""

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinscape import Client
from kinscape.backend.contracts.comparisons import LayerPairs, Precision, Reduction, Specification, SpecifiedMeasure
from kinscape.bundles import opened, reproduce
from kinscape.client import Checkpoint, ClientError, Comparison, Project
from tests.conftest import Server


def shifted(held: Path, path: Path, strength: float) -> Path:
    """The samples of a probe set with noise of their own."""
    with np.load(held) as parts:
        x, y = parts["x"], parts["y"]
    noise = np.random.default_rng(len(path.stem)).normal(size=x.shape)
    np.savez(path, x=(x + strength * noise).astype(np.float32), y=y)
    return path


@pytest.fixture
def sets(project: Project, probe_file: Path, tmp_path: Path) -> list[str]:
    """A held-out set and two shifted ones."""
    names = {"clean": 0.0, "fog": 0.5, "snow": 1.5}
    for name, strength in names.items():
        project.upload_probe(
            shifted(probe_file, tmp_path / f"{name}.npz", strength),
            name=name,
            role="shifted" if strength else "held-out",
        )
    return list(names)


@pytest.fixture
def two(project: Project, networks: list[Path]) -> list[Checkpoint]:
    return [project.upload_checkpoint(f, architecture="lenet", arguments={"classes": 10}) for f in networks[:2]]


def key(comparison: Comparison, slug: str, probe: str) -> str:
    """The name of a measure on one probe set."""
    return next(m.key for m in comparison.details.measures if (m.slug, m.probe) == (slug, probe))


def test_numbers_on_another_set_are_those_of_a_comparison_on_it(
    project: Project, sets: list[str], two: list[Checkpoint], networks: list[Path]
) -> None:
    asked: dict[str, Any] = {"checkpoints": two, "measures": ["disagreement", "linear-cka", "accuracy", "l2-norm"]}
    alone = project.compare(**asked, probe="fog").wait()
    several = project.compare(**asked, probe="clean", also_on=["fog", "snow", "clean"]).wait()
    # Weights know no samples, and what was computed on fog is known.
    assert [(m.slug, m.probe) for m in several.details.measures] == [
        *[(slug, "") for slug in asked["measures"]],
        *[(slug, probe) for probe in ("fog", "snow") for slug in ("disagreement", "linear-cka", "accuracy")],
    ]
    assert several.details.counts.reused == alone.details.counts.new
    for slug in ("disagreement", "linear-cka"):
        there = several.matrix(key(several, slug, "fog"))
        np.testing.assert_array_equal(there.values, alone.matrix(slug).values)
        assert not np.array_equal(there.low, several.matrix(slug).low)
    more = several.add([project.upload_checkpoint(networks[2], architecture="lenet", arguments={"classes": 10})])
    assert [m.key for m in more.wait().details.measures] == [m.key for m in several.details.measures]


def test_a_measure_may_have_a_set_of_its_own(project: Project, sets: list[str], two: list[Checkpoint]) -> None:
    fog = next(p for p in project.probes() if p.name == "fog")
    made = project.compare(
        checkpoints=two, probe="clean", measures=["accuracy", {"slug": "accuracy", "probe": fog.id}]
    ).wait()
    name = f"accuracy(probe={(fog.content_hash or '')[:8]})"
    assert [m.key for m in made.details.measures] == ["accuracy", name]
    assert made.table([name]).values.shape == (2, 1)
    with pytest.raises(ClientError, match="l2-norm is not about held-out samples"):
        project.compare(checkpoints=two, probe="clean", measures=[{"slug": "l2-norm", "probe": fog.id}])
    with pytest.raises(ClientError, match="There is no probe set"):
        project.compare(checkpoints=two, probe="clean", measures=["accuracy"], also_on=[10**9])
    with pytest.raises(ClientError, match="asked about this probe set"):
        project.delete_probe("fog")
    assert [n.probe for n in two[0].portrait().numbers] == ["clean", "fog"]


def test_exports_say_what_their_numbers_depend_on(project: Project, sets: list[str], two: list[Checkpoint]) -> None:
    made = project.compare(checkpoints=two, probe="clean", also_on=["fog"], measures=["disagreement"], seed=3).wait()
    name = key(made, "disagreement", "fog")
    fog = next(p for p in project.probes() if p.name == "fog")
    lines = list(csv.DictReader(io.StringIO(made.export(name, format="csv"))))
    told = json.loads(lines[0]["provenance"])
    assert told["probe"] == {"name": "fog", "sha256": fog.content_hash}
    assert (told["measure"], told["version"], told["role"]) == ("disagreement", 1, "held-out")
    assert told["product"].startswith("kinscape ")
    assert told["results"] == made.details.progress.version
    assert all(line["provenance"] == "" for line in lines[1:])
    assert json.loads(made.export(name, format="json"))["provenance"] == told


def test_what_was_asked_before_keeps_its_digest() -> None:
    measure = SpecifiedMeasure(slug="accuracy", version=1, parameters={}, name="accuracy")
    asked = Specification(
        checkpoints=[2, 1],
        probe=1,
        train_probe=None,
        measures=[measure],
        layers=["penultimate"],
        layer_pairs=LayerPairs.SAME,
        reduction=Reduction.MEAN,
        precision=Precision.FLOAT32,
        seed=0,
    )
    before = {
        "checkpoints": [1, 2],
        "layer_pairs": "same",
        "layers": ["penultimate"],
        "measures": [{"name": "accuracy", "parameters": {}, "slug": "accuracy", "version": 1}],
        "precision": "float32",
        "probe": 1,
        "reduction": "mean",
        "seed": 0,
        "train_probe": None,
    }
    assert asked.digest() == hashlib.sha256(json.dumps(before, sort_keys=True).encode()).hexdigest()
    own = asked.model_copy(update={"measures": [measure.model_copy(update={"probe": 2})]})
    assert own.digest() != asked.digest()


def test_a_study_reads_the_mean_over_shifted_sets_and_a_bundle_gives_it_back(
    project: Project, sets: list[str], networks: list[Path], tmp_path: Path, client: Client
) -> None:
    for i, file in enumerate(networks[: 2 * 3]):
        group, seed = ("sgd", "sam")[i // 3], str(i % 3)
        kind: dict[str, Any] = {"architecture": "lenet", "arguments": {"classes": 10}}
        project.upload_checkpoint(file, name=f"{group}{seed}", group=group, tags={"seed": seed}, **kind)
    study = project.study(
        "sharp-minima",
        roles={"base": "group:sgd", "condition": "group:sam"},
        probe="clean",
        train_probe="clean",
        also_on=["fog", "snow"],
        measures=["accuracy", "train-loss"],
    )
    study.preregister()
    found = study.run().wait(timeout_s=120).found
    assert study.details.also_on == ["fog", "snow"]
    contrast = {e.title: e for e in found.effects if e.contrast == "sam − sgd"}
    assert set(contrast) == {
        "Accuracy",
        "Accuracy, mean over 2 other sets",
        "Accuracy on fog",
        "Accuracy on snow",
        "Train loss",
    }
    mean, fog, snow = (contrast[f"Accuracy{end}"] for end in (", mean over 2 other sets", " on fog", " on snow"))
    assert (mean.suite, fog.suite, snow.suite) == ("safety", "safety on single sets", "safety on single sets")
    assert mean.effect == pytest.approx(((fog.effect or 0) + (snow.effect or 0)) / 2, abs=1e-12)
    assert mean.low_both is not None
    # A test of two sets is no test of the questions of the study.
    assert not any("on fog" in e.title for e in found.effects if e.suite == "associations")
    again = reproduce(opened(study.bundle(tmp_path / "several.zip")), client, project="several again")
    assert again.holds
    assert again.equal + again.within > 0
    with pytest.raises(ClientError, match="names other probe sets as also_on"):
        project.study("sharp-minima", probe="clean", train_probe="clean", measures=[{"slug": "accuracy", "probe": 1}])


def test_a_masked_link_names_no_probe_set(
    project: Project, sets: list[str], two: list[Checkpoint], server: Server
) -> None:
    made = project.compare(checkpoints=two, probe="clean", also_on=["fog"], measures=["disagreement"]).wait()
    token = (made.share(masked=True).url or "").rsplit("/", 1)[1]
    visitor = Client(server.url, headers={"Kinscape-Share": token})
    told = visitor.comparison(made.id).details.model_dump_json()
    assert not any(name in told for name in ("fog", "clean"))
    assert [m.probe for m in visitor.comparison(made.id).details.measures] == ["", "probe set"]
