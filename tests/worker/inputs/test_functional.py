"""Networks whose parts are reached by several names: numbers are right, and the networks stay as they were."""

import contextlib
import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kinscape import measure, measures
from kinscape.backend.contracts.cards import Arity, Input
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.inputs.functional import call_with

OF_NETWORKS = [slug for slug, card in measures().items() if card.input is Input.NETWORK]


class Siamese(nn.Module):
    """One encoder that reads both halves of a sample."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Sequential(nn.Linear(3, 5), nn.PReLU())
        self.right = self.left
        self.norm = nn.BatchNorm1d(10)
        self.head = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([self.left(x[:, :3]), self.right(x[:, 3:])], 1)
        out: Tensor = self.head(self.norm(both))
        return out


class Tied(nn.Module):
    """Two layers with one weight, as an embedding and a head have."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.second = nn.Linear(6, 6, bias=False)
        self.second.weight = self.first.weight
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.tanh(self.second(torch.tanh(self.first(x)))))
        return out


def shared_activation() -> nn.Module:
    act = nn.PReLU()
    return nn.Sequential(nn.Linear(6, 8), act, nn.Linear(8, 8), act, nn.Linear(8, 3))


def repeated_block() -> nn.Module:
    block = nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6), nn.ReLU())
    return nn.Sequential(block, block, nn.Linear(6, 3))


KINDS: dict[str, Callable[[], nn.Module]] = {
    "a shared activation": shared_activation,
    "a siamese part": Siamese,
    "a tied weight": Tied,
    "a repeated block": repeated_block,
}


def network(kind: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    module = KINDS[kind]()
    for part in module.modules():
        if isinstance(part, nn.PReLU):
            nn.init.constant_(part.weight, 0.1 + seed)
    return module.eval()


def samples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(9)
    return torch.randn(60, 6, generator=generator), torch.randint(0, 3, (60,), generator=generator)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slug", OF_NETWORKS)
def test_every_measure_leaves_a_network_as_it_was(slug: str, kind: str) -> None:
    card, (x, y) = measures()[slug], samples()
    compared = [network(kind, seed) for seed in range(2 if card.arity is Arity.PAIR else 1)]
    references = [network(kind, seed + 5) for seed in range(card.references[0])]
    before = [{n: t.clone() for n, t in m.state_dict().items()} for m in (*compared, *references)]
    # Some have no number for such a network; that is a sentence, and no reason to change it.
    with contextlib.suppress(Unprocessable):
        measure(slug)(*compared, x, y, references=references, intervals=False)
    for module, was in zip((*compared, *references), before, strict=True):
        assert all(torch.equal(t, was[n]) for n, t in module.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_along_a_path_is_that_of_networks_built_on_it(kind: str) -> None:
    a, b, (x, y) = network(kind, 0), network(kind, 1), samples()
    found = measure("loss-barrier")(a, b, x, y, intervals=False)
    with torch.no_grad():
        losses = [float(nn.functional.cross_entropy(_on_path(a, b, step)(x), y)) for step in found.series["share"]]
    assert found.series["loss"] == pytest.approx(losses, rel=1e-4)


def _on_path(a: nn.Module, b: nn.Module, step: float) -> nn.Module:
    """A network between two, each parameter moved once."""
    between = copy.deepcopy(a)
    with torch.no_grad():
        for (_, mine), (_, theirs) in zip(between.named_parameters(), b.named_parameters(), strict=True):
            mine.lerp_(theirs, step)
        for (_, mine), (_, theirs) in zip(between.named_buffers(), b.named_buffers(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(theirs, step)
    return between


@pytest.mark.parametrize("kind", KINDS)
def test_other_weights_reach_every_module_that_holds_them(kind: str) -> None:
    a, b, (x, _) = network(kind, 0), network(kind, 1), samples()
    with torch.no_grad():
        state = {**dict(b.named_parameters()), **dict(b.named_buffers())}
        assert torch.equal(call_with(a, state, x), b(x))
        # By any of the names that a tensor has.
        assert torch.equal(call_with(a, b.state_dict(), x), b(x))
        assert torch.equal(a(x), network(kind, 0)(x))
