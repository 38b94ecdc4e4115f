"""What the docs say works: the tutorial's blocks run, the zoo is as described, measures.md is current."""

import re
from pathlib import Path

import pytest
import torch

from kinscape.demo.training import Recipe, accuracy, data, fresh, pruned, quantised, taught_by, train
from kinscape.docs import measures_page
from kinscape.situations import SITUATIONS
from tests.conftest import Server

ROOT = Path(__file__).resolve().parents[2]


def test_the_tutorials_blocks_run(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "tutorial.md").read_text(), re.S)
    assert len(blocks) == 4
    names: dict[str, object] = {"URL": server.url}
    for block in blocks:
        exec(compile(block, "tutorial", "exec"), names)
    assert names["comparison"].status == "done"  # type: ignore[attr-defined]


def test_the_blocks_of_the_library_page_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.S)
    assert len(blocks) == 8
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "library", "exec"), names)


def test_the_page_of_measures_is_made_from_the_cards() -> None:
    assert (ROOT / "docs" / "measures.md").read_text() == measures_page(), "run: python -m kinscape.docs"


def test_every_situation_has_the_test_that_it_names() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", SITUATIONS)
    assert len(named) == SITUATIONS.count("\n| ") - 1
    for file, function in named:
        assert f"def {function}(" in (ROOT / file).read_text()


def test_the_zoo_is_ordered_as_the_tutorial_says() -> None:
    x, _ = data("held-out")
    reference = train(Recipe(init=0, order=0))

    def distance(model: torch.nn.Module) -> float:
        with torch.no_grad():
            return float((reference(x).softmax(1) - model(x).softmax(1)).norm(dim=1).mean())

    kin = {
        "int8": quantised(reference, 8),
        "pruned-10": pruned(reference, 0.1),
        "distilled-same-init": train(Recipe(init=0, order=40), taught_by(reference)),
        "sgd-1": train(Recipe(init=1, order=1)),
        "untrained": fresh(0).eval(),
    }
    distances = {name: distance(model) for name, model in kin.items()}
    assert sorted(distances, key=distances.__getitem__) == list(kin), distances
    assert accuracy(reference) > 0.9
    assert accuracy(kin["sgd-1"]) > 0.9


def test_training_is_the_same_every_time() -> None:
    a, b = (train(Recipe(init=3, order=3)).state_dict() for _ in range(2))
    assert all(torch.equal(a[n], b[n]) for n in a)
