"""Regions of a program that run without gradients or without autocast, and layers without a bias."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kinscape.worker.door.program_regions import flattened
from kinscape.worker.door.refusal import Refusal
from kinscape.worker.loading.program import layers_of
from tests.worker.loading.test_program import exported, opened

pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated.*:DeprecationWarning", "ignore::FutureWarning")
X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))


class Regions(nn.Module):
    """Regions of both kinds, one of which returns two tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            y = self.first(x).relu()
            both = y * 2, y.sin()
        with torch.no_grad():
            z = self.second(y).cos()
            scale = both[0].abs().mean(1, keepdim=True)
        out: Tensor = self.head(both[0] / (1 + scale) + both[1] * z)
        return out


class Halved(nn.Module):
    """A layer in another precision."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out: Tensor = self.first(x)
        return out


class Checked(nn.Module):
    """A network that checks what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        torch._check(x.abs().max().item() < 1000)
        out: Tensor = self.head(x)
        return out


class Normed(nn.GroupNorm):
    """A norm with an activation inside, as other libraries have them."""

    def __init__(self) -> None:
        super().__init__(2, 4)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(super().forward(x))
        return out


class Bare(nn.Module):
    """Norms that lack a bias or a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.group, self.layer, self.head = nn.GroupNorm(2, 4), nn.LayerNorm(4, bias=False), nn.Linear(4, 3)
        self.group.bias = None

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.layer(self.group(x)))
        return out


def test_regions_are_steps_among_others(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Regions().eval()
    program = opened(exported(module, X[:2], tmp_path / "m.pt2"))
    with torch.no_grad():
        assert torch.equal(program(X), module(X))
    assert {"first", "second", "head"} <= set(layers_of(program))
    for one in (module, program):
        one.zero_grad()
        one(X).square().sum().backward()
    wanted = {n: p.grad for n, p in module.named_parameters()}
    found = {n: p.grad for n, p in program.named_parameters()}
    # What lies in a region without gradients has none in the network, and none in the program.
    assert wanted["second.weight"] is None and found["second.weight"] is None
    for name in ("first.weight", "first.bias", "head.weight"):
        assert torch.allclose(found[name], wanted[name], rtol=1e-6), name


def test_another_precision_is_refused(tmp_path: Path) -> None:
    path = exported(Halved().eval(), X[:2], tmp_path / "m.pt2")
    with pytest.raises(Refusal, match=r"another precision \(torch\.autocast\)"):
        opened(path)


def test_numbers_that_only_checks_read_are_left_out(tmp_path: Path) -> None:
    module = Checked().eval()
    program = opened(exported(module, X[:2], tmp_path / "m.pt2"))
    with torch.no_grad():
        assert torch.equal(program(X), module(X))


def test_a_norm_with_an_activation_inside_is_not_a_plain_one(tmp_path: Path) -> None:
    module = nn.Sequential(Normed(), nn.Linear(4, 3)).eval()
    program = opened(exported(module, X[:2], tmp_path / "m.pt2"))
    with torch.no_grad():
        assert torch.equal(program(X), module(X))
    assert "0.act" in layers_of(program)


def test_norms_without_a_bias(tmp_path: Path) -> None:
    module = Bare().eval()
    with torch.no_grad():
        module.group.weight.normal_()
        module.layer.weight.normal_()
    program = opened(exported(module, X[:2], tmp_path / "m.pt2"))
    with torch.no_grad():
        assert torch.equal(program(X), module(X))


def region(**changes: Any) -> dict[str, Any]:
    """A step that holds a graph of one step."""
    inner = {
        "target": "torch.ops.aten.relu.default",
        "inputs": [{"name": "self", "arg": {"as_tensor": {"name": "a"}}, "kind": 1}],
        "outputs": [{"as_tensor": {"name": "relu"}}],
        "metadata": {},
    }
    graph = {"inputs": [{"as_tensor": {"name": "a"}}], "outputs": [{"as_tensor": {"name": "relu"}}], "nodes": [inner]}
    args = [
        {"as_bool": False},
        {"as_graph": {"name": "g", "graph": {**graph, **changes}}},
        {"as_tensor": {"name": "x"}},
    ]
    return {
        "target": "torch.ops.higher_order.wrap_with_set_grad_enabled",
        "inputs": [{"name": "", "arg": arg, "kind": 1} for arg in args],
        "outputs": [{"as_tensor": {"name": "y"}}],
        "metadata": {},
    }


def test_values_of_a_region_have_names_of_their_own() -> None:
    steps = list(flattened([region()]))
    assert [s["target"].split(".")[3] for s in steps] == ["relu", "detach"]
    assert steps[0]["inputs"][0]["arg"] == {"as_tensor": {"name": "x"}}
    assert steps[0]["outputs"] == [{"as_tensor": {"name": "g/relu"}}]
    assert steps[1]["outputs"] == [{"as_tensor": {"name": "y"}}]


def test_a_region_of_nothing_is_nothing() -> None:
    empty = region(inputs=[], outputs=[], nodes=[])
    empty["inputs"] = empty["inputs"][:2]
    assert list(flattened([{**empty, "outputs": []}])) == []


def test_a_region_that_lies_is_refused() -> None:
    deep = region()
    for _ in range(12):
        deep = region(nodes=[json.loads(json.dumps(deep).replace('"x"', '"a"').replace('"y"', '"relu"'))])
    bad = [
        region(inputs=[]),
        region(nodes=[{"target": "torch.ops.aten.relu.default"}]),
        region(outputs=[{"as_tensor": {"name": "elsewhere"}}]),
        region(outputs=[]),
        region(nodes=None),
        deep,
    ]
    for one in bad:
        with pytest.raises(Refusal, match=r"not laid out|too deep"):
            list(flattened([one]))
