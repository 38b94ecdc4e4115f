"""Checkpoints made from others on the server."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kinscape import Client, build, measure
from kinscape.client import ClientError, Project

LENET = {"architecture": "lenet", "arguments": {"classes": 10}}


@pytest.fixture(scope="module")
def project(client: Client, networks: list[Path], probe_file: Path) -> Project:
    """Two networks of different seeds and a probe set."""
    made = client.create_project("derived")
    for i in range(2):
        made.upload_checkpoint(networks[i], name=f"n{i}", group="sgd", tags={"seed": "3", "own": str(i)}, **LENET)
    made.upload_probe(probe_file, name="digits")
    return made


def test_a_pruned_copy_knows_its_parent_and_how_it_was_made(project: Project) -> None:
    found = project.derive("prune", "n0", name="n0 pruned", group="pruned", share=0.5)
    assert (found.parent, found.root, found.group, found.state) == ("n0", "n0", "pruned", "ready")
    assert found.tags == {"seed": "3", "own": "0", "made-by": "prune(share=0.5)"}
    assert found.level == "network"
    asked = project.compare(checkpoints=["n0", "n0 pruned"], probe="digits", measures=["sparsity", "disagreement"])
    sparsity = asked.wait(timeout_s=60).table(["sparsity"]).values[:, 0]
    assert sparsity.tolist() == pytest.approx([0, 0.5], abs=1e-3)


def test_its_outputs_are_those_of_the_same_operation_here(
    project: Project, networks: list[Path], probe_file: Path
) -> None:
    middle = project.derive("interpolate", ["n0", "n1"], name="between", at=0.25)
    assert (middle.parent, middle.init_of) == ("n0", "n1")
    asked = project.compare(checkpoints=["n0", middle], probe="digits", measures=["activation-distance"])
    value = asked.wait(timeout_s=60).matrix("activation-distance").values[0, 1]
    with np.load(probe_file) as data:
        x = torch.from_numpy(data["x"]).float()
    first, second = (load_file(networks[i]) for i in range(2))
    outputs = []
    for state in (first, {k: 0.75 * first[k] + 0.25 * second[k] for k in first}):
        model = build("lenet", classes=10).eval()
        model.load_state_dict(state)
        with torch.no_grad():
            outputs.append(model(x))
    assert value == pytest.approx(measure("activation-distance")(*outputs).value, rel=1e-5)


def test_layers_are_reset_and_drawn_again(project: Project) -> None:
    reset = project.derive("reset", ["n0", "n1"], name="reset", layers=["features.0"])
    drawn = project.derive("randomise", "n0", name="drawn", layers=["classifier"], seed=1)
    same = project.derive("randomise", "n0", name="drawn again", layers=["classifier"], seed=1)
    other = project.derive("randomise", "n0", name="drawn otherwise", layers=["classifier"], seed=2)
    assert drawn.content_hash == same.content_hash
    assert drawn.content_hash != other.content_hash
    assert "so both count as one independent model" in same.reason
    asked = project.compare(checkpoints=["n0", "n1", reset, drawn], probe="digits", measures=["activation-distance"])
    values = asked.wait(timeout_s=60).matrix("activation-distance").values
    assert values[0, 2] > 0.001
    assert values[0, 3] > 0.001


def test_a_soup_and_a_quantised_copy(project: Project) -> None:
    soup = project.derive("average", ["n0", "n1"], name="soup")
    assert soup.tags["seed"] == "3"
    assert "own" not in soup.tags
    copy = project.derive("quantise", soup, name="int8", bits=8)
    assert (copy.parent, copy.root, copy.tags["made-by"]) == ("soup", "n0", "quantise(bits=8)")


def test_weights_alone_can_be_pruned_and_not_drawn(project: Project, tmp_path: Path) -> None:
    save_file({"a.weight": torch.randn(20, 20)}, tmp_path / "own.safetensors")
    own = project.upload_checkpoint(tmp_path / "own.safetensors", name="own")
    assert own.level == "weights"
    assert project.derive("prune", own, name="own pruned", share=0.9).level == "weights"
    with pytest.raises(ClientError, match="nothing says how its layers are drawn"):
        project.derive("randomise", own, name="own drawn", layers=["a"])


@pytest.mark.parametrize(
    ("operation", "of", "settings", "sentence"),
    [
        ("prune", ["n0", "n1"], {"share": 0.5}, "To prune takes 1 checkpoint, not 2"),
        ("average", ["n0"], {}, "To average takes 2 or more checkpoints, not 1"),
        ("prune", ["nobody"], {"share": 0.5}, "There is no checkpoint 'nobody'"),
        ("prune", ["n0"], {"share": 1.5}, "less than or equal to 1"),
        ("quantise", ["n0"], {"bits": 1}, "greater than or equal to 2"),
        ("melt", ["n0"], {}, "does not match any of the expected tags"),
        ("reset", ["n0", "n1"], {"layers": ["nowhere"]}, "There is no layer 'nowhere' with weights"),
    ],
)
def test_what_cannot_be_made_says_why(
    project: Project, operation: str, of: list[str], settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ClientError, match=sentence):
        project.derive(operation, of, name=f"wrong {operation} {len(of)}", **settings)


def test_a_name_that_is_taken_is_said_to_be(project: Project) -> None:
    with pytest.raises(ClientError, match="named 'n1' exists already"):
        project.derive("quantise", "n0", name="n1", bits=4)
