"""Asking through the client: what comes back, and what is reused."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kinscape import Client, build, measure
from kinscape.backend.contracts.checkpoints import Checkpoint, Level
from kinscape.client import ClientError, Project

PAIRWISE = ["disagreement", "linear-cka", "weight-cosine"]


def uploaded(project: Project, networks: list[Path], count: int) -> list[Checkpoint]:
    return [
        project.upload_checkpoint(
            f, architecture="lenet", arguments={"classes": 10}, group="sgd", tags={"seed": str(i)}
        )
        for i, f in enumerate(networks[:count])
    ]


def test_what_the_server_computes_is_what_the_library_computes(
    project: Project, networks: list[Path], probe_file: Path
) -> None:
    models = uploaded(project, networks, 3)
    probe = project.upload_probe(probe_file, name="digits-test")
    comparison = project.compare(
        checkpoints=models,
        probe=probe,
        measures=[
            *PAIRWISE,
            {"slug": "knn-jaccard", "parameters": {"k": 5}},
            "error-consistency",
            "loss-barrier",
            "accuracy",
            "ece",
            "hessian-trace",
        ],
        layers=["features.3"],
    )
    comparison.wait(timeout_s=120)
    assert comparison.status == "done"
    assert comparison.log == []
    modules, x, y = [], *(torch.from_numpy(np.load(probe_file)[k]) for k in "xy")
    for file in networks[:3]:
        module = build("lenet", classes=10)
        module.load_state_dict(load_file(file))
        modules.append(module.eval())
    with torch.no_grad():
        logits = [m(x) for m in modules]
        seen = [m.get_submodule("features")[:4](x).mean((2, 3)) for m in modules]
    found = comparison.matrix("linear-cka", layer="features.3")
    direct = measure("linear-cka").matrix(seen)
    assert np.allclose(found.values, direct.values, atol=1e-6)
    assert np.allclose(found.low, direct.low, atol=1e-5)
    assert comparison.matrix("knn-jaccard").values[0, 1] == pytest.approx(
        measure("knn-jaccard")(seen[0], seen[1], k=5).value
    )
    assert comparison.matrix("disagreement").values[0, 2] == pytest.approx(
        measure("disagreement")(logits[0], logits[2]).value
    )
    consistency = measure("error-consistency")(logits[0], logits[1], labels=y).value
    assert comparison.matrix("error-consistency").values[0, 1] == pytest.approx(consistency)
    cosine = measure("weight-cosine")(modules[0].state_dict(), modules[1].state_dict()).value
    assert comparison.matrix("weight-cosine").values[0, 1] == pytest.approx(cosine)
    barrier = measure("loss-barrier")(modules[0], modules[1], x, y).value
    assert comparison.matrix("loss-barrier").values[1, 0] == pytest.approx(barrier, rel=1e-4)
    table = comparison.table(["accuracy", "hessian-trace", "ece"])
    assert table.values[0, 0] == pytest.approx(measure("accuracy")(logits[0], y).value)
    assert table.values[1, 1] == pytest.approx(measure("hessian-trace")(modules[1], x, y).value, rel=1e-3)
    assert table.values[2, 2] == pytest.approx(measure("ece")(logits[2], y).value)
    assert sorted(found.order) == [0, 1, 2]


def test_every_position_of_a_map_may_count(project: Project, networks: list[Path], probe_file: Path) -> None:
    models = uploaded(project, networks, 3)
    probe = project.upload_probe(probe_file)
    wish = {"checkpoints": models, "probe": probe, "layers": ["features.3", "classifier.3"], "reduction": "positions"}
    with pytest.raises(ClientError, match="rsa cannot take every position as a sample") as refused:
        project.compare(measures=["rsa", "linear-cka"], **wish)
    assert "procrustes" in str(refused.value)
    found = project.compare(measures=["linear-cka", "procrustes", "disagreement"], **wish).wait(timeout_s=60)
    x = torch.from_numpy(np.load(probe_file)["x"])
    seen = []
    for file in networks[:3]:
        module = build("lenet", classes=10)
        module.load_state_dict(load_file(file))
        with torch.no_grad():
            seen.append(module.eval().get_submodule("features")[:4](x).flatten(2).mT)
    assert seen[0].shape[1] > 1
    for slug in ("linear-cka", "procrustes"):
        direct, served = measure(slug).matrix(seen), found.matrix(slug, layer="features.3")
        assert np.allclose(served.values, direct.values, atol=1e-6)
        assert np.allclose(served.low, direct.low, atol=1e-5)
        assert np.isfinite(found.matrix(slug, layer="classifier.3").values).all()


def test_adding_one_checkpoint_computes_its_cells_and_nothing_else(
    project: Project, networks: list[Path], probe_file: Path
) -> None:
    models = uploaded(project, networks, 5)
    probe = project.upload_probe(probe_file)
    measures = [*PAIRWISE, "accuracy", "nll"]
    comparison = project.compare(
        checkpoints=models[:4], probe=probe, measures=measures, layers=["features.3", "classifier.3"]
    )
    comparison.wait(timeout_s=120)
    # 6 pairs for disagreement, weight-cosine and linear-cka at two layers; 4 models for two measures.
    assert comparison.counts == {"new": 6 * 4 + 4 * 2, "reused": 0}
    first = comparison.id
    comparison.add([models[4]]).wait(timeout_s=120)
    assert comparison.id != first
    assert comparison.counts == {"new": 4 * 4 + 2, "reused": 6 * 4 + 4 * 2}
    again = project.compare(checkpoints=models, probe=probe, measures=measures, layers=["features.3", "classifier.3"])
    assert again.id == comparison.id
    assert again.counts == {"new": 0, "reused": 10 * 4 + 5 * 2}
    assert again.status == "done"


def test_a_difference_of_two_cells_has_a_narrower_paired_interval(
    project: Project, networks: list[Path], probe_file: Path
) -> None:
    models = uploaded(project, networks, 3)
    comparison = project.compare(checkpoints=models, probe=project.upload_probe(probe_file), measures=["js-divergence"])
    comparison.wait(timeout_s=60)
    a, b, c = comparison.labels
    found = comparison.difference((a, b), (a, c), measure="js-divergence")
    matrix = comparison.matrix("js-divergence")
    assert found.value == pytest.approx(matrix.values[0, 1] - matrix.values[0, 2])
    assert found.low is not None
    assert found.high is not None
    widths = [matrix.high[0, j] - matrix.low[0, j] for j in (1, 2)]
    assert found.high - found.low < sum(widths)


@pytest.mark.fault("weights that are not finite")
def test_weights_that_are_not_finite_are_kept_and_answered_with_a_reason(
    project: Project, networks: list[Path], probe_file: Path, tmp_path: Path
) -> None:
    state = load_file(networks[0])
    state["features.0.weight"][0, 0, 0, 0] = float("nan")
    torch.save(state, tmp_path / "broken.pt")
    broken = project.upload_checkpoint(tmp_path / "broken.pt", architecture="lenet", arguments={"classes": 10})
    assert broken.non_finite == 1
    good = uploaded(project, networks, 2)
    comparison = project.compare(
        checkpoints=[broken, *good],
        probe=project.upload_probe(probe_file),
        measures=["linear-cka", "weight-cosine", "accuracy", "hessian-trace"],
    )
    comparison.wait(timeout_s=60)
    matrix = comparison.matrix("linear-cka")
    assert np.isfinite(matrix.values[1, 2])
    assert "broken" in matrix.reasons[0, 1]
    assert "NaN or infinite" in matrix.reasons[0, 1]
    assert "NaN or infinite" in comparison.matrix("weight-cosine").reasons[0, 2]
    table = comparison.table(["accuracy", "hessian-trace"])
    assert "1 weights are NaN or infinite" in table.reasons[0, 1]


def test_layers_can_meet_crosswise(client: Client, project: Project, networks: list[Path], probe_file: Path) -> None:
    models = uploaded(project, networks, 2)
    layers = ["features.0", "features.3", "classifier.3"]
    comparison = project.compare(
        checkpoints=models,
        probe=project.upload_probe(probe_file),
        measures=["linear-cka"],
        layers=layers,
        layer_pairs="all",
    )
    comparison.wait(timeout_s=60)
    found = client.http.get(
        f"/comparisons/{comparison.id}/layers", measure="linear-cka", a=models[0].id, b=models[1].id
    )
    assert found["labels"] == layers
    assert found["missing"] == []


def test_a_file_without_a_named_architecture_is_proposed_and_confirmed(
    project: Project, tmp_path: Path, client: Client
) -> None:
    torch.save(build("mlp", inputs=12, classes=3, width=5, depth=2).state_dict(), tmp_path / "m.pt")
    waiting = project.upload_checkpoint(tmp_path / "m.pt")
    assert waiting.level is Level.WEIGHTS
    assert "fit mlp(inputs=12, classes=3, width=5, depth=2)" in waiting.reason
    found = project.confirm(
        waiting, architecture=waiting.proposals[0].architecture, arguments=waiting.proposals[0].arguments
    )
    assert found.state == "ready"
    assert found.level is Level.NETWORK
    assert found.parameters == 12 * 5 + 5 + 5 * 5 + 5 + 5 * 3 + 3


def test_lineage_is_kept_and_its_root_computed(project: Project, networks: list[Path]) -> None:
    parent = project.upload_checkpoint(networks[0], name="parent", architecture="lenet", arguments={"classes": 10})
    child = project.upload_checkpoint(
        networks[1], name="child", architecture="lenet", arguments={"classes": 10}, parent="parent"
    )
    grandchild = project.upload_checkpoint(
        networks[2],
        name="grandchild",
        architecture="lenet",
        arguments={"classes": 10},
        parent="child",
        teacher="parent",
    )
    assert (parent.root, child.root, grandchild.root) == ("parent", "parent", "parent")
    assert grandchild.parent == "child"
    assert grandchild.teacher == "parent"


def test_a_measure_more_computes_that_measure_alone(project: Project, networks: list[Path], probe_file: Path) -> None:
    ids = [
        project.upload_checkpoint(networks[k], name=f"n{k}", architecture="lenet", arguments={"classes": 10})
        for k in range(3)
    ]
    probe = project.upload_probe(probe_file, name="held-out")
    first = project.compare(checkpoints=ids, probe=probe, measures=["disagreement", "accuracy"]).wait(timeout_s=60)
    more = project.compare(checkpoints=ids, probe=probe, measures=["disagreement", "accuracy", "js-divergence"])
    assert more.wait(timeout_s=60).counts == {"new": 3, "reused": 6}
    assert (more.matrix("disagreement").values == first.matrix("disagreement").values).all()


@pytest.mark.fault("a question of millions of numbers")
def test_what_is_too_much_is_said_in_a_moment(project: Project, networks: list[Path], probe_file: Path) -> None:
    models = uploaded(project, networks, 2)
    probe = project.upload_probe(probe_file, name="digits-test")
    layers = models[0].layers
    measures = [{"slug": "knn-jaccard", "parameters": {"k": k}} for k in range(1, 101)]
    began = time.perf_counter()
    with pytest.raises(ClientError, match=r"asks for [\d,]+ matrices with .* Name fewer layers, measures or"):
        project.compare(checkpoints=models, probe=probe, measures=measures, layers=layers, layer_pairs="all")
    assert time.perf_counter() - began < 2
    assert not project.comparisons()


def test_another_seed_asks_anew_only_where_something_is_drawn(
    project: Project, networks: list[Path], probe_file: Path
) -> None:
    models = uploaded(project, networks, 2)
    probe = project.upload_probe(probe_file, name="digits-test")
    asked = {"checkpoints": models, "probe": probe, "measures": ["accuracy", "disagreement", "corruption-accuracy"]}
    first = project.compare(**asked, seed=0).wait(timeout_s=120)  # type: ignore[arg-type]
    again = project.compare(**asked, seed=1).wait(timeout_s=120)  # type: ignore[arg-type]
    assert again.counts == {"new": 2, "reused": 3}
    drawn = [c.table(["corruption-accuracy"]).values for c in (first, again)]
    assert not np.array_equal(*drawn)


def test_a_detail_of_a_comparison_is_not_listed_beside_it(
    client: Client, project: Project, networks: list[Path], probe_file: Path
) -> None:
    models = uploaded(project, networks, 2)
    probe = project.upload_probe(probe_file)
    whole = project.compare(checkpoints=models, probe=probe, measures=["disagreement"])
    layers = {"checkpoints": models, "probe": probe, "measures": ["linear-cka"], "layer_pairs": "all"}
    detail = project.compare(**layers, detail_of=whole.id)
    of_detail = project.compare(checkpoints=models, probe=probe, measures=["nll"], detail_of=detail.id)
    for one in (whole, detail, of_detail):
        one.wait(timeout_s=60)
    assert detail.details.detail_of == of_detail.details.detail_of == whole.id
    assert [c.id for c in project.comparisons()] == [whole.id]
    listed = next(p for p in client.projects() if p.id == project.id).details
    assert (listed.comparisons, listed.newest and listed.newest.id) == (1, whole.id)
    # Put away with its page gone, it is found again.
    whole.delete()
    assert {c.id for c in project.comparisons()} == {detail.id, of_detail.id}
    client.restore_comparison(whole.id)
    # Asked for its own sake it is listed.
    again = project.compare(**layers)
    assert again.id == detail.id
    assert [c.id for c in project.comparisons()] == [detail.id, whole.id]
    other = client.create_project(f"other than {project.name}")
    with pytest.raises(ClientError, match="another project"):
        other.compare(
            checkpoints=[other.upload_checkpoint(networks[0], architecture="lenet", arguments={"classes": 10})],
            probe=other.upload_probe(probe_file),
            measures=["accuracy"],
            detail_of=whole.id,
        )
