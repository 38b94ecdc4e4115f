"""The owner's own architectures: what is offered, what fits a file, and what is said of a file that cannot be used."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from kinscape.backend.contracts.cards import ArgumentKind
from kinscape.backend.contracts.checkpoints import Accepts
from kinscape.worker.loading import own_networks
from kinscape.worker.loading.architectures.architecture import Arguments
from kinscape.worker.loading.module_facts import accepts_of, classes_of
from kinscape.worker.loading.own_networks import CannotLoad

FILE = Path(__file__).parents[2] / "own_networks.py"
HEAD = "from torch import nn\n"


@pytest.fixture(scope="module")
def offered() -> dict[str, own_networks.Architecture]:
    return own_networks.from_files([FILE])


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {n: tuple(t.shape) for n, t in module.state_dict().items()}


def test_public_functions_that_return_a_network_are_offered(offered: dict[str, own_networks.Architecture]) -> None:
    assert sorted(offered) == [
        "adding-layers",
        "changes-samples",
        "head-first",
        "of-fixed-size",
        "reads-tokens",
        "returns-a-dictionary",
        "two-layers",
    ]
    first = offered["two-layers"]
    assert first.summary == "Two linear layers of the owner."
    kinds = {a.name: a.kind for a in offered["adding-layers"].arguments}
    assert kinds == {
        "width": ArgumentKind.WHOLE,
        "depth": ArgumentKind.WHOLE,
        "norm": ArgumentKind.SWITCH,
        "dropout": ArgumentKind.NUMBER,
    }
    assert first.arguments[2].choices == ("relu", "tanh")


@pytest.mark.parametrize(
    "wanted",
    [
        {"width": 4, "depth": 2, "norm": True},
        {"width": 4, "depth": 7, "norm": True},
        {"width": 9, "depth": 5, "norm": False},
        {"width": 10, "depth": 1, "norm": False},
        {"width": 64, "depth": 12, "norm": True},
    ],
)
def test_sizes_are_found_from_shapes(offered: dict[str, own_networks.Architecture], wanted: Arguments) -> None:
    one = offered["adding-layers"]
    found = one.propose(shapes(one.build(**wanted, dropout=0.1)))
    assert list(found) == [{**wanted, "dropout": 0.1}]


def test_what_leaves_no_trace_is_offered_in_every_form(offered: dict[str, own_networks.Architecture]) -> None:
    one = offered["two-layers"]
    found = one.propose(shapes(one.build(width=33, classes=7, activation="tanh")))
    assert [f["activation"] for f in found] == ["relu", "tanh"]
    assert all((f["width"], f["classes"]) == (33, 7) for f in found)


def test_another_network_is_not_searched_for(offered: dict[str, own_networks.Architecture]) -> None:
    one = offered["adding-layers"]
    built: list[object] = []

    def shapes_at(settings: Arguments) -> dict[str, tuple[int, ...]]:
        built.append(settings)
        return shapes(one.build(**settings))

    other = {f"transformer.{k}.weight": (64, 64) for k in range(40)}
    assert own_networks.fitting(one.arguments, shapes_at, other) == []
    assert len(built) < 10


def test_an_upload_never_waits_for_more_than_a_bounded_search(offered: dict[str, own_networks.Architecture]) -> None:
    one = offered["adding-layers"]
    built: list[object] = []

    def shapes_at(settings: Arguments) -> dict[str, tuple[int, ...]]:
        built.append(settings)
        with torch.device("meta"):
            return shapes(one.build(**settings))

    near = {**shapes(one.build(width=4, depth=2, norm=True, dropout=0.0)), "stem.weight": (5, 6, 7, 8)}
    assert own_networks.fitting(one.arguments, shapes_at, near) == []
    # The searches that look whether names are alike are not counted.
    assert len(built) <= own_networks.MOST_BUILDS + own_networks.MOST_FORMS


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("def net() -> nn.Module:\n    return nn.Linear(2, 2", "cannot be imported: SyntaxError"),
        ("import no_such_library", "cannot be imported: ModuleNotFoundError"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("def net():\n    return nn.Linear(2, 2)", "no public function that returns a network"),
        ("def net(width: int) -> nn.Module: ...", "argument width of net has no default"),
        ("def net(sizes: list = []) -> nn.Module: ...", "must be an int, float, bool, str or a Literal"),
        ("def net(**rest: int) -> nn.Module: ...", "cannot be given by name"),
        ("def net(width: int = 2.5) -> nn.Module: ...", "The default of width of net must be a whole number"),
        ("def a_b() -> nn.Module: ...\ndef A_b() -> nn.Module: ...", "Two networks are called a-b"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_change(tmp_path: Path, code: str, sentence: str) -> None:
    path = tmp_path / "nets.py"
    path.write_text(HEAD + code)
    with pytest.raises(CannotLoad, match=sentence):
        own_networks.from_files([path])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotLoad, match=r"no file .*gone\.py"):
        own_networks.from_files([tmp_path / "gone.py"])


def test_a_server_is_not_started_with_networks_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text("raise ValueError('first line\\nsecond line')")
    command = [sys.executable, "-m", "kinscape.cli", "up", "--data", str(tmp_path / "data"), "--no-browser"]
    done = subprocess.run(
        [*command, "--port", "1", "--networks", str(tmp_path / "nets.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_a_module_tells_what_it_takes() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3))
    assert (accepts_of(flat), classes_of(flat)) == (Accepts(), 3)
    image = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 1))
    assert (accepts_of(image), classes_of(image)) == (Accepts(), 2)
    tokens = nn.Sequential(nn.Embedding(50, 8), nn.Linear(8, 4))
    assert accepts_of(tokens).is_whole
    assert classes_of(nn.ReLU()) is None
