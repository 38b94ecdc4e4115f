"""Matching the units of two networks: what the measures say."""

import pytest
import torch

from kinscape import build, measure
from tests.worker.permutations.test_orders import network, shuffled


def test_independent_networks_come_closer_and_their_notes_say_from_where() -> None:
    a, b = (build("lenet", classes=3) for _ in range(2))
    found = measure("weight-cosine-matched")(a, b, torch.randn(4, 1, 8, 8), torch.zeros(4).long())
    assert found.notes["before_matching"] == pytest.approx(
        measure("weight-cosine")(dict(a.named_parameters()), dict(b.named_parameters())).value, abs=1e-6
    )
    assert found.value > found.notes["before_matching"]
    assert found.low is None


def test_the_barrier_to_a_reordered_twin_is_gone_after_matching() -> None:
    module, _ = network("mlp")
    twin = shuffled(module, torch.randn(2, 6, dtype=torch.float64), 3)
    x = torch.randn(80, 6, dtype=torch.float64)
    y = module(x).argmax(1)
    assert measure("loss-barrier")(module, twin, x, y).value > 0.05
    assert measure("loss-barrier-matched")(module, twin, x, y).value == pytest.approx(0, abs=1e-9)
