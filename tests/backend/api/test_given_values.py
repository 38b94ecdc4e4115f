"""Numbers that were computed elsewhere and are given with checkpoints."""

from pathlib import Path

import pytest

from kinscape.client import ClientError, Project


def test_numbers_are_given_by_name_or_number_and_others_stay(project: Project, networks: list[Path]) -> None:
    first, second, third = (project.upload_checkpoint(f, name=f"n{i}") for i, f in enumerate(networks[:3]))
    first.edit(metrics={"accuracy": 0.5})
    found = project.upload_values(
        {"n0": {"trace": 2}, second.id: {"trace": 3.5}, third.id: {"trace": 1e-9, "epochs": 4}}
    )
    assert [c.name for c in found] == ["n0", "n1", "n2"]
    assert {c.name: c.metrics for c in project.checkpoints()} == {
        "n0": {"accuracy": 0.5, "trace": 2.0},
        "n1": {"trace": 3.5},
        "n2": {"trace": 1e-9, "epochs": 4.0},
    }


@pytest.mark.parametrize("wrong", [{"nobody": {"a": 1.0}}, {"n0": {"a": float("nan")}}, {"n0": {"a": float("inf")}}])
def test_what_cannot_be_given_is_refused(
    project: Project, networks: list[Path], wrong: dict[str, dict[str, float]]
) -> None:
    project.upload_checkpoint(networks[0], name="n0")
    with pytest.raises(ClientError):
        project.upload_values(wrong)
    assert project.checkpoints()[0].metrics == {}
