"""Weights in the types in which people store them: the server computes what the library computes, or says why not."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kinscape import build, measure
from kinscape.client import Project

WEIGHTS = ["weight-l2", "weight-cosine", "l2-norm", "stable-rank", "sparsity"]


def near_copies(dtype: torch.dtype) -> list[dict[str, torch.Tensor]]:
    """Two networks whose weights differ by little more than float32 tells apart."""
    torch.manual_seed(0)
    first = {n: t.double() for n, t in build("lenet", classes=10).state_dict().items()}
    step = 1e-9 if dtype is torch.float64 else 1e-2
    return [{n: (t + step * k * torch.randn_like(t)).to(dtype) for n, t in first.items()} for k in (0, 1)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_server_and_library_agree_on_every_type(project: Project, tmp_path: Path, dtype: torch.dtype) -> None:
    states = near_copies(dtype)
    for k, state in enumerate(states):
        save_file(state, tmp_path / f"{k}.safetensors")
        project.upload_checkpoint(tmp_path / f"{k}.safetensors", architecture="lenet", arguments={"classes": 10})
    probe = project.add_digits(name="digits")
    asked = project.compare(checkpoints=["0", "1"], probe=probe, measures=[*WEIGHTS, "train-loss"]).wait(timeout_s=90)
    assert asked.status == "done", asked.log
    for slug in WEIGHTS[:2]:
        assert asked.matrix(slug).values[0, 1] == pytest.approx(measure(slug)(*states).value, rel=1e-12)
    table = asked.table(WEIGHTS[2:])
    for column, slug in enumerate(WEIGHTS[2:]):
        for row, state in enumerate(states):
            assert table.values[row, column] == pytest.approx(measure(slug)(state).value, rel=1e-12)


@pytest.mark.fault("whole numbers in place of weights")
@pytest.mark.parametrize("architecture", ["lenet", None])
def test_whole_numbers_are_no_weights(project: Project, tmp_path: Path, architecture: str | None) -> None:
    plain = build("lenet", classes=10).state_dict()
    state = {n: t if t.ndim < 2 else (t * 100).to(torch.int8) for n, t in plain.items()}
    save_file(state, tmp_path / "q.safetensors")
    with pytest.raises(Exception, match=r"holds whole numbers \(int8\) without their scale"):
        project.upload_checkpoint(tmp_path / "q.safetensors", architecture=architecture)


def test_a_program_of_one_logit_is_a_network_of_two_classes(project: Project, tmp_path: Path) -> None:
    torch.manual_seed(0)
    modules = [nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1), *end).eval() for end in ([], [nn.Flatten(0)])]
    x, y = torch.randn(60, 6), torch.randint(0, 2, (60,))
    for k, module in enumerate(modules):
        exported = torch.export.export(module, (x[:2],), dynamic_shapes=({0: torch.export.Dim.AUTO},))
        torch.export.save(exported, tmp_path / f"{k}.pt2")
        made = project.upload_checkpoint(tmp_path / f"{k}.pt2")
        assert "logit of the second of two classes" in made.reason
    torch.save({"x": x, "y": y}, tmp_path / "probe.pt")
    probe = project.upload_probe(tmp_path / "probe.pt")
    measures = ["disagreement", "accuracy", "nll", "train-loss", "hessian-trace"]
    asked = project.compare(checkpoints=["0", "1"], probe=probe, train_probe=probe, measures=measures).wait(
        timeout_s=90
    )
    assert asked.status == "done", asked.log
    table = asked.table(measures[1:])
    assert not table.reasons
    with torch.no_grad():
        z = [m(x).flatten() for m in modules]
    right = float(((z[0] > 0) != (z[1] > 0)).double().mean())
    assert asked.matrix("disagreement").values[0, 1] == pytest.approx(right)
    for row in range(2):
        loss = nn.functional.binary_cross_entropy_with_logits(z[row], y.float()).item()
        assert table.values[row, 1] == pytest.approx(loss, rel=1e-5)
        assert table.values[row, 2] == pytest.approx(loss, rel=1e-5)
