"""Checkpoints of every level in one comparison: what can be said of each is said, the rest has a reason."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils import prune

from kinscape import build, measure
from kinscape.backend.contracts.checkpoints import Level
from kinscape.client import ClientError, Comparison, Project

BATCH = ({0: torch.export.Dim.AUTO},)
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated.*:DeprecationWarning", "ignore::FutureWarning")


class Own(nn.Module):
    """A network that no registry knows."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.GELU(), nn.MaxPool2d(2))
        self.head = nn.Linear(6 * 4 * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.encoder(x).flatten(1))
        return out


def program(module: nn.Module, path: Path) -> Path:
    torch.export.save(torch.export.export(module.eval(), (torch.randn(2, 1, 8, 8),), dynamic_shapes=BATCH), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("levels")


@pytest.fixture
def asked(project: Project, networks: list[Path], probe_file: Path, folder: Path) -> Comparison:
    """A network, the same as a program, another class as a program, and its weights alone."""
    lenet = build("lenet", classes=10)
    lenet.load_state_dict(load_file(networks[0]))
    torch.manual_seed(0)
    own = Own()
    project.upload_checkpoint(networks[0], name="network", architecture="lenet", arguments={"classes": 10})
    project.upload_checkpoint(program(lenet, folder / "lenet.pt2"), name="same")
    project.upload_checkpoint(program(own, folder / "own.pt2"), name="own")
    torch.save(own.state_dict(), folder / "own.pth")
    project.upload_checkpoint(folder / "own.pth", name="weights")
    project.upload_probe(probe_file, name="held-out")
    comparison = project.compare(
        checkpoints=["network", "same", "own", "weights"],
        probe="held-out",
        measures=["disagreement", "logit-mse", "linear-cka", "weight-l2", "hessian-trace", "l2-norm", "stable-rank"],
    )
    return comparison.wait(timeout_s=120)


def test_each_is_asked_for_what_it_has(asked: Comparison, project: Project) -> None:
    assert asked.status == "done", asked.log
    levels = {c.name: c.level for c in project.checkpoints()}
    assert levels == {
        "network": Level.NETWORK,
        "same": Level.PROGRAM,
        "own": Level.PROGRAM,
        "weights": Level.WEIGHTS,
    }
    place = {name: k for k, name in enumerate(("network", "same", "own", "weights"))}
    for slug in ("disagreement", "logit-mse"):
        matrix = asked.matrix(slug)
        assert matrix.values[place["network"], place["same"]] == pytest.approx(0, abs=1e-12)
        assert matrix.values[place["network"], place["own"]] > 0
        assert "upload it as a program" in matrix.reasons[place["own"], place["weights"]]
    assert asked.matrix("linear-cka").values[place["network"], place["same"]] == pytest.approx(1)
    # The same tensors, with and without the code around them.
    distances = asked.matrix("weight-l2")
    assert distances.values[place["own"], place["weights"]] == 0
    assert distances.values[place["network"], place["same"]] == 0
    assert "different architectures" in distances.reasons[place["network"], place["own"]]
    table = asked.table(["hessian-trace", "l2-norm", "stable-rank"])
    assert table.values[place["same"], 0] == pytest.approx(table.values[place["network"], 0], rel=1e-6)
    assert "upload it as a program" in table.reasons[place["weights"], 0]
    assert table.values[place["own"], 1] == table.values[place["weights"], 1]
    assert table.values[place["own"], 2] == table.values[place["weights"], 2]


def test_what_a_checkpoint_lacks_is_asked_again_once_it_has_it(
    project: Project, probe_file: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    for name in ("a", "b"):
        torch.save(build("mlp", inputs=64, classes=10, width=8, depth=1).state_dict(), tmp_path / f"{name}.pt")
        assert project.upload_checkpoint(tmp_path / f"{name}.pt").level is Level.WEIGHTS
    probe = project.upload_probe(probe_file, name="held-out")
    asked = {"checkpoints": ["a", "b"], "probe": probe, "measures": ["disagreement", "weight-cosine"]}
    first = project.compare(**asked).wait(timeout_s=60)
    assert "its weights alone are known" in first.matrix("disagreement").reasons[0, 1]
    for checkpoint in project.checkpoints():
        project.confirm(checkpoint, architecture="mlp", arguments={"inputs": 64, "classes": 10, "width": 8, "depth": 1})
    second = project.compare(**asked).wait(timeout_s=60)
    assert second.matrix("disagreement").values[0, 1] > 0
    assert second.matrix("weight-cosine").values[0, 1] == first.matrix("weight-cosine").values[0, 1]


def test_a_program_that_cannot_be_run_says_which_operator_and_what_to_do(project: Project, tmp_path: Path) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(torch.special.bessel_j0(x.flatten(1)))
            return out

    with pytest.raises(ClientError, match=r"special_bessel_j0.*not read here.*record its outputs"):
        project.upload_checkpoint(program(Odd(), tmp_path / "odd.pt2"))


def test_samples_of_another_shape_are_refused_before_anything_runs(
    project: Project, probe_file: Path, tmp_path: Path
) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 10))
    torch.export.save(
        torch.export.export(module.eval(), (torch.randn(2, 3, 8, 8),), dynamic_shapes=BATCH), tmp_path / "rgb.pt2"
    )
    made = project.upload_checkpoint(tmp_path / "rgb.pt2")
    probe = project.upload_probe(probe_file, name="grey")
    with pytest.raises(ClientError, match=r"shape \(1, 8, 8\), the program takes \(3, 8, 8\)"):
        project.compare(checkpoints=[made], probe=probe, measures=["accuracy"])


def test_a_checkpoint_without_any_usable_pair_has_reasons_and_the_rest_is_done(
    project: Project, networks: list[Path], probe_file: Path, tmp_path: Path
) -> None:
    """Also when it is added to a comparison whose other cells are known already."""
    ids = [
        project.upload_checkpoint(networks[k], name=f"n{k}", architecture="lenet", arguments={"classes": 10})
        for k in range(2)
    ]
    probe = project.upload_probe(probe_file, name="held-out")
    measures = ["disagreement", "linear-cka", "knn-jaccard", "weight-cosine", "weight-cosine-matched"]
    assert project.compare(checkpoints=ids, probe=probe, measures=measures).wait(timeout_s=60).status == "done"
    for k, value in enumerate((float("nan"), float("inf"), 1e38)):
        state = load_file(networks[2])
        state["classifier.4.weight" if "classifier.4.weight" in state else next(iter(state))][...] = value
        torch.save(state, tmp_path / f"bad{k}.pt")
        ids.append(project.upload_checkpoint(tmp_path / f"bad{k}.pt", architecture="lenet", arguments={"classes": 10}))
    added = project.compare(checkpoints=ids, probe=probe, measures=measures).wait(timeout_s=60)
    assert added.status == "done", added.log
    for slug in measures:
        matrix = added.matrix(slug)
        assert torch.isfinite(torch.tensor(matrix.values[0, 1]))
        assert "broke" not in " ".join(matrix.reasons.values()), slug
    assert matrix.reasons


class Language(nn.Module):
    """Next-token logits for every position."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, 12)
        self.mix = nn.Linear(12, 12)
        self.head = nn.Linear(12, 30)

    def forward(self, ids: Tensor) -> Tensor:
        hidden = self.mix(self.embed(ids)).cumsum(1)
        out: Tensor = self.head(hidden)
        return out


def test_hidden_states_of_language_models_are_compared(project: Project, tmp_path: Path) -> None:
    ids = torch.randint(0, 30, (60, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[::4, 5:] = 0
    torch.save({"input_ids": ids, "attention_mask": mask}, tmp_path / "ids.pt")
    models = []
    for seed in range(2):
        torch.manual_seed(seed)
        models.append(Language().eval())
        exported = torch.export.export(models[-1], (ids[:2],), dynamic_shapes=BATCH)
        torch.export.save(exported, tmp_path / f"lm{seed}.pt2")
        project.upload_checkpoint(tmp_path / f"lm{seed}.pt2")
    probe = project.upload_probe(tmp_path / "ids.pt")
    asked = project.compare(
        checkpoints=["lm0", "lm1"],
        probe=probe,
        measures=["linear-cka", "disagreement", "js-divergence", "accuracy", "nll", "rankme", "stable-rank"],
        layers=["mix", "penultimate"],
        reduction="last-token",
    ).wait(timeout_s=90)
    assert asked.status == "done", asked.log
    with torch.no_grad():
        states = [m.mix(m.embed(ids)) for m in models]
    for layer, features in (("mix", states), ("penultimate", [s.cumsum(1) for s in states])):
        right = measure("linear-cka")(*[f[:, -1] for f in features]).value
        assert asked.matrix("linear-cka", layer=layer).values[0, 1] == pytest.approx(right, abs=1e-5)
    # Every token that has a next one is a row: padding and what would predict it are left out.
    real = (mask[:, :-1] * mask[:, 1:]).bool()
    with torch.no_grad():
        rows = [m(ids)[:, :-1][real].double() for m in models]
    following = ids[:, 1:][real]
    matrix = asked.matrix("disagreement")
    assert matrix.values[0, 1] == pytest.approx((rows[0].argmax(1) != rows[1].argmax(1)).double().mean().item())
    assert matrix.low[0, 1] < matrix.values[0, 1] < matrix.high[0, 1]
    # What is drawn are samples; of positions only the count is told.
    first, second = (c.id for c in sorted(project.checkpoints(), key=lambda c: c.name))
    differing = asked.disagreements(first, second)
    assert differing.total == int((rows[0].argmax(1) != rows[1].argmax(1)).sum()) and differing.samples == []
    expected = measure("js-divergence")(*rows).value
    assert asked.matrix("js-divergence").values[0, 1] == pytest.approx(expected, abs=1e-6)
    table = asked.table(["accuracy", "nll"]).values
    assert table[0, 0] == pytest.approx((rows[0].argmax(1) == following).double().mean().item())
    assert table[1, 1] == pytest.approx(torch.nn.functional.cross_entropy(rows[1], following).item(), abs=1e-5)
    assert not asked.table(["stable-rank"]).reasons


@pytest.mark.filterwarnings("ignore:The tensor attribute self.1.weight")
def test_a_program_of_a_pruned_network_is_as_sparse_as_the_network(project: Project, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    prune.l1_unstructured(module[1], "weight", 0.5)
    made = project.upload_checkpoint(program(module, tmp_path / "pruned.pt2"))
    probe = project.add_digits(name="digits")
    asked = project.compare(checkpoints=[made], probe=probe, measures=["sparsity"]).wait(timeout_s=60)
    assert asked.table(["sparsity"]).values[0, 0] == 0.5
