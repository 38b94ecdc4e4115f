"""What is held twice is told by name: files, tensors, steps that are not what their numbers say."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from kinscape import cli
from kinscape.client import Project
from kinscape.local import programs
from tests.conftest import Server

BATCH = ({0: torch.export.Dim.AUTO},)
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated.*:DeprecationWarning", "ignore::FutureWarning")


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 10))


def steps(count: int) -> Iterator[dict[str, Tensor]]:
    """Weights along a training run of digits that are drawn."""
    made = net()
    x, y = torch.randn(200, 64), torch.randint(0, 10, (200,))
    optimizer = torch.optim.SGD(made.parameters(), lr=0.1)
    for _ in range(count):
        optimizer.zero_grad()
        nn.functional.cross_entropy(made(x), y).backward()
        optimizer.step()
        yield {n: t.detach().clone() for n, t in made.state_dict().items()}


def test_steps_that_hold_the_final_weights_are_named(project: Project, tmp_path: Path) -> None:
    """A run of thirty steps in which ten files hold the final weights."""
    run = list(steps(30))
    spoiled = (2, 3, 7, 11, 12, 13, 19, 20, 22, 26)
    for k, state in enumerate(run):
        save_file(run[-1] if k in spoiled else state, tmp_path / f"step{k}.safetensors")
        project.upload_checkpoint(tmp_path / f"step{k}.safetensors", run="r", step=k)
    found = project.repeats()
    assert [s.steps for s in found.strays] == [list(spoiled)]
    assert found.strays[0].checkpoints == [f"step{k}" for k in spoiled]
    assert found.strays[0].sentence == (
        "11 of 30 steps of the run r hold the same weights: 2, 3, 7, 11, 12, 13, 19, 20, 22, 26 and 29."
    )
    assert found.same == []


def test_a_clean_run_and_seeds_say_nothing(project: Project, tmp_path: Path) -> None:
    for k, state in enumerate(steps(12)):
        save_file(state, tmp_path / f"step{k}.safetensors")
        project.upload_checkpoint(tmp_path / f"step{k}.safetensors", run="r", step=k)
    torch.manual_seed(5)
    save_file(nn.Linear(64, 40).state_dict(), tmp_path / "other.safetensors")
    project.upload_checkpoint(tmp_path / "other.safetensors")
    assert project.repeats().sentences == []


def test_a_step_of_another_run_is_named(project: Project, tmp_path: Path) -> None:
    torch.manual_seed(9)
    foreign = nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 10)).state_dict()
    for k, state in enumerate(steps(9)):
        save_file(foreign if k == 4 else state, tmp_path / f"step{k}.safetensors")
        project.upload_checkpoint(tmp_path / f"step{k}.safetensors", run="r", step=10 * k)
    found = project.repeats()
    assert [(s.steps, s.checkpoints) for s in found.strays] == [([40], ["step4"])]
    assert "does not lie between its neighbours" in found.sentences[0]


def test_equal_files_shared_tensors_and_other_functions(project: Project, tmp_path: Path) -> None:
    base = net()
    save_file(base.state_dict(), tmp_path / "base.safetensors")
    torch.save({"state_dict": {f"module.{n}": t for n, t in base.state_dict().items()}}, tmp_path / "again.pth")
    tuned = {n: t.clone() for n, t in base.state_dict().items()}
    tuned["3.weight"] += 1
    tuned["3.bias"] += 1
    save_file(tuned, tmp_path / "tuned.safetensors")
    other = nn.Sequential(nn.Flatten(), base[1], nn.Tanh(), base[3])
    for name, module in (("relu", base), ("tanh", other)):
        made = torch.export.export(module.eval(), (torch.randn(2, 1, 8, 8),), dynamic_shapes=BATCH)
        torch.export.save(made, tmp_path / f"{name}.pt2")
    for file in ("base.safetensors", "again.pth", "tuned.safetensors", "relu.pt2", "tanh.pt2"):
        project.upload_checkpoint(tmp_path / file)
    found = project.repeats()
    assert [s.checkpoints for s in found.same] == [["base", "again", "relu", "tanh"]]
    assert not found.same[0].same_function
    assert found.same[0].sentence == (
        "base, again, relu and tanh hold the same weights, and are not the same function: their architectures, "
        "programs or normalisations differ."
    )
    (shared,) = found.shared
    assert (shared.checkpoint, shared.equal, shared.tensors) == ("tuned", 2, 4)
    assert shared.share == pytest.approx((64 * 40 + 40) / (64 * 40 + 40 + 400))
    assert shared.differing == ["3.bias", "3.weight"] and not shared.is_related
    # What is known is not told again.
    project.checkpoints()[2].edit(parent="base")
    assert project.repeats().shared[0].is_related
    assert len(project.repeats().sentences) == 1


def test_those_of_before_are_hashed_by_and_by(
    project: Project, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        save_file(net().state_dict(), tmp_path / f"{name}.safetensors")
        project.upload_checkpoint(tmp_path / f"{name}.safetensors")
    url = programs.database_url(Path(server.sockets)).replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute(
            "delete from fingerprints where checkpoint_id in (select id from checkpoints where project_id = %s)",
            [project.id],
        )
    assert (project.repeats().unread, project.repeats().same) == (2, [])
    command = ["--url", server.url, "check", "--project", project.name]
    assert cli.main(command) == 0
    assert "2 checkpoints came before tensors were hashed" in capsys.readouterr().out


def test_values_that_are_not_finite_do_not_spoil_a_run(project: Project, tmp_path: Path) -> None:
    for k, state in enumerate(steps(6)):
        if k == 3:
            state["1.weight"][0, 0] = np.nan
        save_file(state, tmp_path / f"step{k}.safetensors")
        project.upload_checkpoint(tmp_path / f"step{k}.safetensors", run="r", step=k)
    assert project.repeats().sentences == []
