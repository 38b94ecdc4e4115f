"""Weights of the owner's own classes through the server: proposed, confirmed, and measured as their programs are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from kinscape.backend.contracts.checkpoints import Level
from kinscape.backend.store.tables import CheckpointRow
from kinscape.client import ClientError, Project
from kinscape.worker.engine.networks import built
from kinscape.worker.inputs.undefined import NeedsMore
from tests import own_networks

BATCH = ({0: torch.export.Dim.AUTO},)
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated.*:DeprecationWarning", "ignore::FutureWarning")
SINGLE = ["hessian-trace", "sam-sharpness", "train-loss", "ece"]
MEASURES = ["disagreement", "linear-cka", "weight-l2", *SINGLE]


def saved(module: nn.Module, path: Path) -> tuple[Path, Path]:
    """Its weights, and the whole as a program."""
    torch.save(module.state_dict(), path.with_suffix(".pth"))
    program = torch.export.export(module.eval(), (torch.randn(2, 1, 8, 8),), dynamic_shapes=BATCH)
    torch.export.save(program, path.with_suffix(".pt2"))
    return path.with_suffix(".pth"), path.with_suffix(".pt2")


def test_an_own_class_is_measured_as_its_program_is(project: Project, probe_file: Path, tmp_path: Path) -> None:
    torch.manual_seed(3)
    nets = [own_networks.two_layers(16, 10, "tanh"), own_networks.adding_layers(6, 3, norm=True)]
    named = []
    for k, net in enumerate(nets):
        weights, program = saved(net, tmp_path / f"net{k}")
        project.upload_checkpoint(weights, name=f"own{k}")
        project.upload_checkpoint(program, name=f"program{k}")
        named += [f"own{k}", f"program{k}"]
    waiting = {c.name: c for c in project.checkpoints()}
    assert waiting["own0"].level is Level.WEIGHTS
    offered = [p for p in waiting["own0"].proposals if p.architecture == "two-layers"]
    assert [p.arguments["activation"] for p in offered] == ["relu", "tanh"]
    project.confirm(waiting["own0"], architecture="two-layers", arguments=offered[1].arguments)
    last = waiting["own1"].proposals[0]
    assert last.arguments == {"width": 6, "depth": 3, "norm": True, "dropout": 0.1}
    project.confirm(waiting["own1"], architecture=last.architecture, arguments=last.arguments)
    ready = {c.name: c for c in project.checkpoints()}
    assert ready["own0"].level is Level.NETWORK and ready["own1"].level is Level.NETWORK
    assert "steps.0" in ready["own1"].layers and "steps" not in ready["own1"].layers

    probe = project.upload_probe(probe_file, name="held-out")
    asked = project.compare(checkpoints=named, probe=probe, measures=MEASURES).wait(timeout_s=120)
    assert asked.status == "done", asked.log
    for slug in ("disagreement", "weight-l2"):
        values = asked.matrix(slug).values
        assert values[0, 1] == pytest.approx(0, abs=1e-12) and values[2, 3] == pytest.approx(0, abs=1e-12)
    assert asked.matrix("linear-cka").values[[0, 2], [1, 3]] == pytest.approx([1, 1])
    values = asked.table(SINGLE).values
    assert values[0] == pytest.approx(values[1], rel=1e-4)
    assert values[2] == pytest.approx(values[3], rel=1e-4)


def test_wrong_arguments_of_an_own_class_get_a_sentence(project: Project, tmp_path: Path) -> None:
    weights, _ = saved(own_networks.two_layers(16), tmp_path / "net")
    for arguments, sentence in [
        ({"activation": "gelu"}, "activation of two-layers must be one of relu, tanh, not 'gelu'"),
        ({"width": True}, "width of two-layers must be a whole number"),
        ({"depth": 2}, "two-layers has no argument 'depth'"),
        ({"width": 17}, r"entry.weight has shape \(16, 64\), expected \(17, 64\)"),
        ({"width": -3}, "two-layers"),
    ]:
        with pytest.raises(ClientError, match=sentence):
            project.upload_checkpoint(weights, name="net", architecture="two-layers", arguments=arguments)
    assert project.upload_checkpoint(weights, name="net", architecture="two-layers", arguments={"width": 16}).id


def test_samples_that_an_own_class_does_not_take_are_a_reason(
    project: Project, probe_file: Path, tmp_path: Path
) -> None:
    torch.save(own_networks.of_fixed_size().state_dict(), tmp_path / "net.pth")
    nets = [
        project.upload_checkpoint(tmp_path / "net.pth", name=name, architecture="of-fixed-size") for name in ("a", "b")
    ]
    np.savez(tmp_path / "large.npz", x=np.zeros((6, 1, 12, 12), np.float32), y=np.arange(6) % 3)
    large = project.upload_probe(tmp_path / "large.npz", name="large")
    asked = project.compare(checkpoints=nets, probe=large, measures=["disagreement", "hessian-trace"])
    asked.wait(timeout_s=60)
    assert asked.status == "done", asked.log
    for reason in (asked.matrix("disagreement").reasons[0, 1], asked.table(["hessian-trace"]).reasons[0, 0]):
        assert "The network does not take samples of shape (1, 12, 12): RuntimeError: mat1" in reason


def test_a_network_that_the_server_was_given_no_longer_is_told() -> None:
    with pytest.raises(NeedsMore, match=r"Unknown architecture 'gone'.*kinscape up --networks"):
        built(CheckpointRow(architecture="gone", arguments={}))
