"""Units that trade places: the function stays, and matching finds the way back."""

import copy

import pytest
import torch
from torch import Tensor, nn

from kinscape import build, measure
from kinscape.worker.spectra.unit_matching import matched, orders_of, reordered

NETWORKS = {
    "mlp": (build("mlp", inputs=6, classes=3, width=8, depth=3), (6,)),
    "lenet": (build("lenet", classes=3), (1, 8, 8)),
    "cnn": (build("cnn", classes=3), (1, 8, 8)),
    "vgg-cifar": (build("vgg-cifar", classes=3, channels=1), (1, 32, 32)),
    "resnet-cifar": (build("resnet-cifar", classes=3, channels=1, depth=8, width=4), (1, 8, 8)),
    "vit-small": (build("vit-small", classes=3, channels=1, side=4, patch=2, width=8, depth=1, heads=2), (1, 4, 4)),
}


def shuffled(module: nn.Module, seed: int) -> tuple[nn.Module, int]:
    """A twin whose units were reordered at random, and how many orders there are."""
    orders = orders_of(module)
    rng = torch.Generator().manual_seed(seed)
    chosen = {order: torch.randperm(size, generator=rng) for order, size in orders.sizes.items()}
    twin = copy.deepcopy(module)
    twin.load_state_dict(reordered(module.state_dict(), orders, chosen))
    return twin, len(chosen)


def varied(module: nn.Module) -> nn.Module:
    """The network in float64 with norms that have statistics of their own, so that orders matter."""
    module = copy.deepcopy(module).double().eval()
    rng = torch.Generator().manual_seed(0)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.copy_(torch.rand(tensor.shape, generator=rng, dtype=tensor.dtype) + 0.5)
    return module


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_order_that_is_found_keeps_the_function(name: str) -> None:
    module, shape = varied(NETWORKS[name][0]), NETWORKS[name][1]
    twin, count = shuffled(module, 1)
    x: Tensor = torch.randn(5, *shape, dtype=torch.float64)
    assert count > 0
    assert torch.allclose(twin(x), module(x), atol=1e-9)
    assert any(not torch.equal(a, b) for a, b in zip(module.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize("name", ["mlp", "lenet", "cnn", "resnet-cifar"])
def test_matching_undoes_a_random_order(name: str) -> None:
    module = varied(NETWORKS[name][0])
    twin, _ = shuffled(module, 2)
    orders = orders_of(module)
    back = reordered(twin.state_dict(), orders, matched(module.state_dict(), twin.state_dict(), orders))
    for tensor, old in module.state_dict().items():
        assert torch.allclose(back[tensor], old)


def test_independent_networks_come_closer_and_their_notes_say_from_where() -> None:
    a, b = (build("lenet", classes=3) for _ in range(2))
    found = measure("weight-cosine-matched")(a, b, torch.randn(4, 1, 8, 8), torch.zeros(4).long())
    assert found.notes["before_matching"] == pytest.approx(
        measure("weight-cosine")(dict(a.named_parameters()), dict(b.named_parameters())).value, abs=1e-6
    )
    assert found.value > found.notes["before_matching"]
    assert found.low is None


def test_the_barrier_to_a_reordered_twin_is_gone_after_matching() -> None:
    module = varied(NETWORKS["mlp"][0])
    twin, _ = shuffled(module, 3)
    x = torch.randn(80, 6, dtype=torch.float64)
    y = module(x).argmax(1)
    assert measure("loss-barrier")(module, twin, x, y).value > 0.05
    assert measure("loss-barrier-matched")(module, twin, x, y).value == pytest.approx(0, abs=1e-9)
