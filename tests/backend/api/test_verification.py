"""Whether a checkpoint computes what its owner's model computes; and living with checkpoints."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from kinscape import build, record
from kinscape.backend.contracts.checkpoints import Verdict
from kinscape.client import Client, ClientError, Project

MLP = {"inputs": 64, "classes": 10, "width": 8, "depth": 2}


def first(probe_file: Path, count: int = 8) -> Tensor:
    with np.load(probe_file) as data:
        return torch.from_numpy(data["x"][:count]).float().reshape(count, 1, 8, 8)


def as_tanh(module: nn.Module) -> nn.Module:
    """The same weights with another activation: no name and no shape tells."""
    for name, part in module.features.named_children():
        if isinstance(part, nn.ReLU):
            setattr(module.features, name, nn.Tanh())
    return module


def test_a_tanh_network_taken_for_a_relu_one_is_contradicted(
    project: Project, probe_file: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    relu = build("mlp", **MLP)
    torch.save(relu.state_dict(), tmp_path / "m.pt")
    project.upload_probe(probe_file, name="held-out")
    proposed = project.upload_checkpoint(tmp_path / "m.pt")
    with pytest.raises(ClientError, match="no output to verify"):
        proposed.verify(relu(first(probe_file)))
    named = project.confirm(proposed, architecture="mlp", arguments=MLP)
    assert named.verification.verdict is Verdict.UNVERIFIED
    assert named.verify(relu(first(probe_file))) == "verified"
    assert named.verify(as_tanh(relu)(first(probe_file))) == "contradicted"
    found = project.checkpoint(named.id).verification
    assert found.verdict is Verdict.CONTRADICTED
    assert "Check activation" in found.sentence


def test_programs_and_recordings_can_be_verified(
    project: Project, networks: list[Path], probe_file: Path, tmp_path: Path
) -> None:
    probe = project.upload_probe(probe_file, name="held-out")
    module = build("lenet", classes=10).eval()
    module.load_state_dict(load_file(networks[0]))
    with np.load(probe_file) as data:
        x = torch.from_numpy(data["x"]).float().reshape(-1, 1, 8, 8)
    made = record(module, x, project=project, name="recorded")
    assert made.checkpoint is not None
    assert made.checkpoint.verify(made.logits, probe=probe) == "verified"
    program = torch.export.export(module, (x[:2],), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    torch.export.save(program, tmp_path / "m.pt2")
    again = project.upload_checkpoint(tmp_path / "m.pt2", name="program")
    assert again.verify(made.logits) == "verified"
    assert again.verify(made.logits[:, ::-1]) == "contradicted"
    with pytest.raises(ClientError, match="differ in length"):
        again.verify([[1.0, 2.0], [1.0, 2.0, 3.0]])
    assert again.verify([[1.0, 2.0]]) == "contradicted"


def test_a_checkpoint_is_edited_and_deleted(project: Project, networks: list[Path], client: Client) -> None:
    kind = {"architecture": "lenet", "arguments": {"classes": 10}}
    a, b, c = (project.upload_checkpoint(networks[k], name=f"n{k}", **kind) for k in range(3))
    b.edit(parent="n0")
    c.edit(parent="n1", group="late", tags={"k": "v"}, step=5, run="r", metrics={"accuracy": 0.5})
    found = project.checkpoint(c.id)
    assert (found.root, found.parent, found.group, found.tags, found.step) == ("n0", "n1", "late", {"k": "v"}, 5)
    assert found.metrics == {"accuracy": 0.5}
    with pytest.raises(ClientError, match="'n2' descends from 'n0'"):
        a.edit(parent="n2")
    with pytest.raises(ClientError, match="no checkpoint named 'nobody'"):
        a.edit(teacher="nobody")
    assert a.edit(name="renamed").name == "renamed"
    c.delete()
    assert {one.name for one in project.checkpoints()} == {"renamed", "n1"}
    other = client.create_project(f"{project.name} other")
    with pytest.raises(ClientError, match="exists already"):
        other.rename(project.name)
    other.rename(f"{project.name} new")
    assert client.project(f"{project.name} new").name == f"{project.name} new"
