"""Everything that is known of one checkpoint, from one address."""

from pathlib import Path

import numpy as np
import pytest

from kinscape.client import Client, ClientError, Project


def test_a_portrait_holds_relatives_numbers_neighbours_and_tensors(
    project: Project, networks: list[Path], probe_file: Path, digits_train: Path, client: Client
) -> None:
    first = project.upload_checkpoint(networks[0], name="first", run="r", step=10)
    copy = project.upload_checkpoint(networks[1], name="copy", parent="first")
    later = project.upload_checkpoint(networks[2], name="later", run="r", step=20)
    student = project.upload_checkpoint(networks[3], name="student", teacher="first")
    bare = first.portrait()
    assert (bare.numbers, bare.neighbourhoods, bare.appearances) == ([], [], [])
    assert {t.name: t.shape for t in bare.tensors}["features.0.weight"] == [6, 1, 5, 5]
    assert {(r.name, r.relation) for r in bare.relatives} == {
        ("copy", "copy"),
        ("later", "step 20 of r"),
        ("student", "student"),
    }
    assert [(r.name, r.relation) for r in copy.portrait().relatives] == [("first", "parent")]
    probe, train = project.upload_probe(probe_file, name="held"), project.upload_probe(digits_train, name="trained")
    models = [first, copy, later, student]
    measures = ["disagreement", "weight-cosine", "nll", "l2-norm", "gradient-norm", "accuracy-gap"]
    comparison = project.compare(
        checkpoints=models, probe=probe, train_probe=train, measures=measures, name="all"
    ).wait(timeout_s=60)
    found = first.portrait()
    assert (found.project_name, found.checkpoint.project) == (project.name, project.id)
    assert [(a.name, a.models, a.probe) for a in found.appearances] == [("all", 4, "held")]
    numbers = {n.measure: n for n in found.numbers}
    assert {name: n.probe for name, n in numbers.items()} == {"nll": "held", "l2-norm": "", "gradient-norm": "trained"}
    nll = comparison.table(["nll"])
    values = [float(row[0]) for row in np.asarray(nll.values)]
    assert numbers["nll"].value == pytest.approx(values[0])
    assert (numbers["nll"].rank, numbers["nll"].of) == (sorted(values).index(values[0]) + 1, 4)
    assert numbers["nll"].low is not None
    matrix = comparison.matrix("disagreement").values
    hood = {h.slug: h for h in found.neighbourhoods}
    # A signed difference has no nearest; each family speaks once.
    assert set(hood) == {"disagreement", "weight-cosine"}
    expected = sorted(range(1, 4), key=lambda j: matrix[0, j])
    assert [n.name for n in hood["disagreement"].nearest] == [models[j].name for j in expected]
    assert hood["disagreement"].nearest[0].value == pytest.approx(matrix[0, expected[0]])
    cosines = [n.value for n in hood["weight-cosine"].nearest]
    assert cosines == sorted(cosines, reverse=True)
    with pytest.raises(ClientError, match="There is no checkpoint"):
        client.checkpoint(10**9)
