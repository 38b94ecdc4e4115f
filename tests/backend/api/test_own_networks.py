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


def test_a_network_that_changes_its_samples_changes_no_other_number(
    project: Project, probe_file: Path, tmp_path: Path
) -> None:
    """Workers keep samples in memory: what one network does to them must not reach the next."""
    torch.manual_seed(0)
    plain, changing = own_networks.two_layers(), own_networks.changes_samples()
    weights, program = saved(plain, tmp_path / "plain")
    project.upload_checkpoint(weights, name="plain", architecture="two-layers")
    torch.save(changing.state_dict(), tmp_path / "changing.pth")
    project.upload_checkpoint(tmp_path / "changing.pth", name="changing", architecture="changes-samples")
    probe = project.upload_probe(probe_file, name="held-out")
    with np.load(probe_file) as file:
        x, y = torch.from_numpy(file["x"]).float(), torch.from_numpy(file["y"])
    x = x[:, None] if x.ndim == 3 else x
    with torch.no_grad():
        right = [torch.nn.functional.cross_entropy(net(x.clone()), y).item() for net in (plain, changing)]
    for measures in (["nll", "hessian-trace"], ["nll", "sam-sharpness", "train-loss", "loss-barrier"]):
        asked = project.compare(checkpoints=["changing", "plain"], probe=probe, measures=measures).wait(timeout_s=120)
        assert asked.status == "done", asked.log
    losses = asked.table(["nll", "train-loss"]).values
    assert losses[:, 0] == pytest.approx(right[::-1], rel=1e-5)
    assert losses[:, 1] == pytest.approx(right[::-1], rel=1e-5)
    # Programs come later, in the same workers.
    project.upload_checkpoint(program, name="program")
    again = project.compare(checkpoints=["plain", "program", "changing"], probe=probe, measures=["disagreement", "nll"])
    again.wait(timeout_s=60)
    assert again.matrix("disagreement").values[0, 1] == 0
    assert again.table(["nll"]).values[:, 0] == pytest.approx([right[0], *right], rel=1e-5)


def test_what_runs_last_is_the_head_in_whatever_order_it_was_written(
    project: Project, probe_file: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    weights, program = saved(own_networks.head_first().eval(), tmp_path / "net")
    project.upload_checkpoint(weights, name="own", architecture="head-first")
    project.upload_checkpoint(program, name="program")
    probe = project.upload_probe(probe_file, name="held-out")
    measures = ["linear-cka", "label-alignment", "rankme", "nc1-classic"]
    asked = project.compare(checkpoints=["own", "program"], probe=probe, measures=measures).wait(timeout_s=60)
    assert asked.status == "done", asked.log
    assert asked.matrix("linear-cka").values[0, 1] == pytest.approx(1)
    values = asked.table(measures[1:]).values
    assert np.isfinite(values).all() and values[0] == pytest.approx(values[1], rel=1e-5)


def test_an_own_language_model_reads_tokens(project: Project, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = own_networks.reads_tokens()
    ids = torch.randint(0, 30, (40, 7))
    torch.save(net.state_dict(), tmp_path / "lm.pth")
    np.savez(tmp_path / "texts.npz", input_ids=ids.numpy())
    project.upload_checkpoint(tmp_path / "lm.pth", name="lm", architecture="reads-tokens")
    probe = project.upload_probe(tmp_path / "texts.npz", name="texts")
    asked = project.compare(checkpoints=["lm"], probe=probe, measures=["nll"]).wait(timeout_s=60)
    with torch.no_grad():
        rows = net(ids)[:, :-1].flatten(0, 1)
    expected = torch.nn.functional.cross_entropy(rows, ids[:, 1:].flatten()).item()
    assert asked.table(["nll"]).values[0, 0] == pytest.approx(expected, rel=1e-5)


def test_a_class_that_returns_no_logits_is_told(project: Project, probe_file: Path, tmp_path: Path) -> None:
    torch.save(own_networks.returns_a_dictionary().state_dict(), tmp_path / "net.pth")
    project.upload_checkpoint(tmp_path / "net.pth", name="net", architecture="returns-a-dictionary")
    probe = project.upload_probe(probe_file, name="held-out")
    measures = ["nll", "hessian-trace", "sam-sharpness"]
    asked = project.compare(checkpoints=["net"], probe=probe, measures=measures).wait(timeout_s=60)
    reasons = asked.table(measures).reasons
    assert len(reasons) == 3
    assert all("The network returns a dict, not logits (samples, classes)" in r for r in reasons.values())
