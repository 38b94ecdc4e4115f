"""Residual networks under published names: proposed from shapes alone, and computing what their source computes."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from kinscape.worker.loading import registry

State = dict[str, Tensor]


def filled(architecture: str, **arguments: int | str) -> State:
    """A state dict of these names with numbers of its own, running statistics included."""
    draw = torch.Generator().manual_seed(7)
    state = registry.build(architecture, **arguments).state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=draw) + 0.5)
        elif tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape, generator=draw) / max(tensor[0].numel(), 1) ** 0.5)
    return state


def norm(state: State, name: str, x: Tensor) -> Tensor:
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    view = (1, -1, 1, 1)
    return (x - mean.view(view)) / (var.view(view) + 1e-5).sqrt() * weight.view(view) + bias.view(view)


def block(state: State, at: str, x: Tensor, *, stride: int, shortcut: str) -> Tensor:
    """A basic block by the paper, written again from its formula."""
    out = functional.relu(
        norm(state, f"{at}.bn1", functional.conv2d(x, state[f"{at}.conv1.weight"], stride=stride, padding=1))
    )
    out = norm(state, f"{at}.bn2", functional.conv2d(out, state[f"{at}.conv2.weight"], padding=1))
    if f"{at}.{shortcut}.0.weight" in state:
        x = norm(state, f"{at}.{shortcut}.1", functional.conv2d(x, state[f"{at}.{shortcut}.0.weight"], stride=stride))
    elif out.shape != x.shape:
        beside = (out.shape[1] - x.shape[1]) // 2
        x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, beside, beside))
    return functional.relu(out + x)


def small(state: State, x: Tensor, *, stem: str, norm_name: str, places: list[str], shortcut: str, head: str) -> Tensor:
    """A CIFAR ResNet: its blocks in order, the first of every stage but the first with stride 2."""
    x = functional.relu(norm(state, norm_name, functional.conv2d(x, state[f"{stem}.weight"], padding=1)))
    for at in places:
        wider = state[f"{at}.conv1.weight"].shape[0] > x.shape[1]
        x = block(state, at, x, stride=2 if wider else 1, shortcut=shortcut)
    return functional.linear(x.mean((2, 3)), state[f"{head}.weight"], state[f"{head}.bias"])


STAGES3 = [f"layer{s}.{k}" for s in (1, 2, 3) for k in (0, 1)]
STAGES4 = [f"layer{s}.{k}" for s in (1, 2, 3, 4) for k in (0, 1)]
# Names as in the repositories, at a width that tests can afford.
REPOSITORIES = {
    "kuangliu ResNet-18": (
        {"names": "kuangliu", "blocks": "2-2-2-2", "width": 8, "stem": "cifar"},
        {"stem": "conv1", "norm_name": "bn1", "places": STAGES4, "shortcut": "shortcut", "head": "linear"},
    ),
    "akamaster ResNet": (
        {"names": "kuangliu", "blocks": "2-2-2", "width": 16, "stem": "cifar", "shortcut": "zeros"},
        {"stem": "conv1", "norm_name": "bn1", "places": STAGES3, "shortcut": "none", "head": "linear"},
    ),
    "chenyaofo ResNet": (
        {"names": "torchvision", "blocks": "2-2-2", "width": 16, "stem": "cifar"},
        {"stem": "conv1", "norm_name": "bn1", "places": STAGES3, "shortcut": "downsample", "head": "fc"},
    ),
    "OpenLTH ResNet": (
        {"names": "openlth", "blocks": "2-2-2", "width": 16, "stem": "cifar"},
        {
            "stem": "conv",
            "norm_name": "bn",
            "places": [f"blocks.{k}" for k in range(6)],
            "shortcut": "shortcut",
            "head": "fc",
        },
    ),
}


def same(
    proposed: dict[str, int | str], state: State, x: Tensor, expected: Tensor, architecture: str = "resnet"
) -> None:
    net = registry.build(architecture, **proposed)
    net.load_state_dict(state)
    torch.testing.assert_close(net.eval()(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", REPOSITORIES)
def test_networks_of_cifar_repositories_are_proposed_and_compute_the_paper(name: str) -> None:
    arguments, parts = REPOSITORIES[name]
    state = filled("resnet", classes=5, **arguments)
    found = registry.proposals({n: tuple(t.shape) for n, t in state.items()})
    assert {p.architecture for p in found} == {"resnet"}
    by_stem = {p.arguments["stem"]: dict(p.arguments) for p in found}
    assert set(by_stem) == {"cifar", "cifar-pool"}
    x = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    same(by_stem["cifar"], state, x, small(state, x, **parts))


def test_names_of_the_repositories_are_theirs() -> None:
    """First and last tensors, as their files have them."""
    expected = {
        "kuangliu ResNet-18": ("conv1.weight", "layer2.0.shortcut.0.weight", "linear.bias"),
        "akamaster ResNet": ("conv1.weight", "layer2.0.conv2.weight", "linear.bias"),
        "chenyaofo ResNet": ("conv1.weight", "layer2.0.downsample.1.running_mean", "fc.bias"),
        "OpenLTH ResNet": ("conv.weight", "blocks.2.shortcut.0.weight", "fc.bias"),
    }
    for name, (arguments, _) in REPOSITORIES.items():
        names = list(filled("resnet", **arguments))
        assert set(expected[name]) <= set(names), name
        assert names[0] == expected[name][0] and names[-1] == expected[name][-1], name


# What torchvision 0.28 answers when its tensors hold a cosine of the place of each value, the same in every library.
TORCHVISION = {
    "resnet18": ({"blocks": "2-2-2-2"}, [1.80191, 0.61457, 0.38196, 1.79728, 0.61619, 0.37942]),
    "resnet50": (
        {"blocks": "3-4-6-3", "block": "bottleneck"},
        [-0.96899, -0.54028, 1.15451, -0.96922, -0.53962, 1.15471],
    ),
    "resnext50_32x4d": (
        {"blocks": "3-4-6-3", "block": "bottleneck", "groups": 32, "base": 4},
        [-0.41339, -0.12468, 0.02545, -0.41406, -0.12551, 0.025],
    ),
    "wide_resnet50_2": (
        {"blocks": "3-4-6-3", "block": "bottleneck", "base": 128},
        [-0.4091, -1.18737, 0.09003, -0.40866, -1.18817, 0.09041],
    ),
}


@pytest.mark.parametrize("name", TORCHVISION)
def test_networks_of_torchvision_give_its_logits(name: str) -> None:
    arguments, expected = TORCHVISION[name]
    state = registry.build("resnet", classes=3, **arguments).state_dict()
    at = 0
    for tensor_name in sorted(state):
        tensor = state[tensor_name]
        if not tensor.is_floating_point():
            continue
        k = (torch.arange(tensor.numel(), dtype=torch.float64) + at) % 10007
        at += tensor.numel()
        values = torch.cos(k * k * 0.37 + k)
        values = 1 + 0.5 * values if tensor_name.endswith("running_var") else values
        tensor.copy_((values / tensor[0].numel() ** 0.5 if tensor.ndim > 1 else values).reshape(tensor.shape).float())
    x = torch.cos(torch.arange(2 * 3 * 40 * 40, dtype=torch.float64) % 997 * 0.77).reshape(2, 3, 40, 40).float()
    found = registry.proposals({n: tuple(t.shape) for n, t in state.items()})
    assert [p.arguments.get("stem") for p in found] == ["imagenet"]
    answers = registry.build("resnet", **found[0].arguments)
    answers.load_state_dict(state)
    torch.testing.assert_close(answers.eval()(x).flatten(), torch.tensor(expected), rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("side", [1, 8, 32, 40])
@pytest.mark.parametrize("stem", ["imagenet", "cifar", "cifar-pool"])
def test_images_of_any_side_are_taken(side: int, stem: str) -> None:
    """Also the small ones that a network for large images is often fed with."""
    accepts = registry.architectures()["resnet"].accepts({"channels": 3, "stem": stem})
    net = registry.build("resnet", stem=stem, width=8, blocks="1-1-1-1").eval()
    assert accepts.least_side <= side and net(torch.rand(2, 3, side, side)).shape == (2, 10)


def test_a_small_resnet_without_projections_is_proposed_once() -> None:
    state = filled("resnet-cifar", depth=8, classes=4)
    found = registry.proposals({n: tuple(t.shape) for n, t in state.items()})
    assert [p.architecture for p in found] == ["resnet-cifar"]


def test_wide_residual_networks_compute_the_paper() -> None:
    state = filled("wide-resnet", depth=10, widen=2, classes=3)
    found = registry.proposals({n: tuple(t.shape) for n, t in state.items()})
    assert [(p.architecture, p.arguments["depth"], p.arguments["widen"]) for p in found] == [("wide-resnet", 10, 2)]
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    h = functional.conv2d(x, state["conv1.weight"], padding=1)
    for stage in (1, 2, 3):
        at, stride = f"block{stage}.layer.0", 1 if stage == 1 else 2
        seen = functional.relu(norm(state, f"{at}.bn1", h))
        out = functional.conv2d(seen, state[f"{at}.conv1.weight"], stride=stride, padding=1)
        out = functional.conv2d(functional.relu(norm(state, f"{at}.bn2", out)), state[f"{at}.conv2.weight"], padding=1)
        h = out + functional.conv2d(seen, state[f"{at}.convShortcut.weight"], stride=stride)
    h = functional.relu(norm(state, "bn1", h)).mean((2, 3))
    same(dict(found[0].arguments), state, x, functional.linear(h, state["fc.weight"], state["fc.bias"]), "wide-resnet")


@pytest.mark.parametrize("blocks", ["", "2--2", "two", "2-2-2-2-2-2-2", "0x2", "٢-2", "9999"])
def test_stages_that_make_no_sense_are_refused_with_a_sentence(blocks: str) -> None:
    with pytest.raises(registry.Unprocessable, match="blocks must list the blocks of each stage"):
        registry.build("resnet", blocks=blocks)
