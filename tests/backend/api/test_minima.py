"""Measures of minima, calibration, robustness and weights through the server: curves, layers, associations."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kinscape import Client, build, measure
from kinscape.client import ClientError, Comparison, Project

MODELS = [
    "train-loss",
    "accuracy",
    "ece",
    "generalisation-gap",
    "corruption-accuracy",
    "hessian-density",
    "hessian-top-eigenvalue",
    "layer-traces",
    "gradient-norm",
    "alpha",
    "stable-rank",
    "prune-curve",
    "layer-reset-random",
    "loss-surface-2d",
]
PAIRS = ["disagreement", "linear-cka", "weight-l2", "loss-barrier", "chord-curvature", "distance-from-init"]


@pytest.fixture(scope="module")
def project(client: Client) -> Project:
    return client.create_project("minima")


@pytest.fixture(scope="module")
def asked(project: Project, networks: list[Path], probe_file: Path, digits_train: Path) -> Comparison:
    """Six networks of two groups, on held-out and train samples."""
    ids = []
    for i, file in enumerate(networks[:6]):
        kind = {"architecture": "lenet", "arguments": {"classes": 10}, "group": "first" if i < 3 else "second"}
        ids.append(project.upload_checkpoint(file, name=f"n{i}", tags={"seed": str(i)}, **kind))
    held_out = project.upload_probe(probe_file, name="held-out")
    train = project.upload_probe(digits_train, name="train")
    found = project.compare(checkpoints=ids, probe=held_out, train_probe=train, measures=[*MODELS, *PAIRS])
    return found.wait(timeout_s=240)


def test_every_number_is_there_and_equals_the_librarys(
    asked: Comparison, networks: list[Path], digits_train: Path
) -> None:
    assert asked.status == "done", asked.log
    table = asked.table(MODELS)
    assert np.isfinite(table.values).all(), table.reasons
    model = build("lenet", classes=10)
    model.load_state_dict(load_file(networks[0]))
    with np.load(digits_train) as data:
        x, y = torch.from_numpy(data["x"]).float(), torch.from_numpy(data["y"])
    for slug in ("train-loss", "gradient-norm", "hessian-top-eigenvalue", "layer-traces"):
        expected = measure(slug)(model, x, y)
        assert table.values[0, MODELS.index(slug)] == pytest.approx(expected.value, rel=1e-2)
    spectral = measure("stable-rank")(load_file(networks[0]))
    assert table.values[0, MODELS.index("stable-rank")] == pytest.approx(spectral.value)


def test_curves_stand_behind_cells(asked: Comparison) -> None:
    spectrum = asked.cell("hessian-density", "n0")
    assert sum(spectrum.series["weight"]) == pytest.approx(1)
    assert spectrum.monte_carlo_error > 0
    assert spectrum.low < spectrum.value < spectrum.high
    way = asked.cell("loss-barrier", "n0", "n1")
    assert (way.series["share"][0], way.series["share"][-1], len(way.series["share"])) == (0, 1, 25)
    assert asked.cell("corruption-accuracy", "n2").series["severity"][:5] == (1, 2, 3, 4, 5)
    assert len(asked.cell("loss-surface-2d", "n2").series["loss"]) == 17 * 17


def test_models_by_layers_are_a_matrix(asked: Comparison) -> None:
    found = asked.profile("layer-traces")
    values = found.values.array()
    assert values.shape == (6, len(found.layers))
    assert values.sum(1) == pytest.approx(np.ones(6))
    assert "classifier.0.weight" in found.layers
    assert asked.profile("alpha").values.array().shape[0] == 6
    with pytest.raises(ClientError, match="no table of layers"):
        asked.profile("accuracy")


def test_associations_are_over_independent_models_and_corrected(asked: Comparison) -> None:
    found = asked.associations()
    assert found.control == "train-loss"
    assert found.counted == [f"n{i}" for i in range(6)]
    assert "disagreement within group" in found.outcomes
    values = found.values.array()
    own = asked.table(MODELS).values
    assert values[:, found.columns.index("gradient-norm")] == pytest.approx(own[:, MODELS.index("gradient-norm")])
    disagreement = asked.matrix("disagreement").values
    within = values[:, found.columns.index("disagreement within group")]
    assert within[0] == pytest.approx((disagreement[0, 1] + disagreement[0, 2]) / 2)
    one = next(a for a in found.table if (a.measure, a.outcome) == ("gradient-norm", "ece"))
    assert one.n == 6
    assert one.spearman is not None
    assert one.q >= one.p
    assert {g.group: g.models for g in found.groups} == {"first": 3, "second": 3}


def test_measures_of_pairs_agree_or_not(asked: Comparison) -> None:
    found = asked.agreements()
    rho = found.correlation.array()
    assert rho.shape == (len(found.measures),) * 2
    assert np.diag(rho) == pytest.approx(np.ones(len(rho)))
    assert found.p.array()[0, 1] <= 1
    assert "linear-cka" in found.measures


def test_references_are_part_of_the_question(project: Project, asked: Comparison) -> None:
    ids = asked.details.checkpoints
    probes = {p.name: p for p in project.probes()}

    def ask(references: list[int], slug: str = "loss-plane") -> Comparison:
        wish = {"slug": slug, "references": references}
        return project.compare(checkpoints=ids, probe=probes["held-out"], measures=[wish]).wait(timeout_s=120)

    plane = ask(ids[:3])
    values = plane.table(["loss-plane"]).values[:, 0]
    assert values[:3] == pytest.approx([0, 0, 0], abs=1e-4)
    assert (values[3:] > 0.1).all()
    assert plane.cell("loss-plane", "n0").series
    assert not plane.cell("loss-plane", "n4").series
    assert ask(ids[1:4]).id != plane.id
    with pytest.raises(ClientError, match="needs 3 reference checkpoints: the three that span the plane"):
        ask(ids[:2])
    with pytest.raises(ClientError, match="takes no reference checkpoints"):
        ask(ids[:1], "disagreement")
    with pytest.raises(ClientError, match="There is no checkpoint 999999"):
        ask([999999, *ids[:2]])
    students = ask(ids[3:6], "negative-transfer")
    assert np.isfinite(students.matrix("negative-transfer").values[0, 1])


def test_a_gap_without_train_samples_is_a_reason(project: Project, asked: Comparison) -> None:
    probes = {p.name: p for p in project.probes()}
    found = project.compare(
        checkpoints=asked.details.checkpoints[:2], probe=probes["held-out"], measures=["generalisation-gap"]
    ).wait(timeout_s=60)
    with pytest.raises(ClientError, match=r"generalisation-gap: .*name a train probe set"):
        found.profile("generalisation-gap")
    assert "name a train probe set" in found.table(["generalisation-gap"]).reasons[0, 0]
    assert found.associations().sentence == "There are 2 independent models; associations need 4."
