"""Which units may trade places: every order that is found keeps the function, in networks as they are."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm

from kinscape import build, measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.inputs.functional import copied
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.permutations.matching import matched, permuted
from kinscape.worker.permutations.orders import orders_of
from tests.worker.loading.test_program import exported, opened


class Twice(nn.Module):
    """One layer read in two places, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.a(torch.relu(self.a(x)))))


class Siamese(nn.Module):
    """One part for two halves of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.part, self.head = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.part(x[:, :4]).tanh(), self.part(x[:, 4:]).tanh()
        return self.head(left * right + left)


class Tied(nn.Module):
    """An embedding that is the head as well."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.inner, self.outer = nn.Embedding(12, 8), nn.Linear(8, 16), nn.Linear(16, 8)
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embedding(x)
        h = self.norm(h + self.outer(nn.functional.gelu(self.inner(h)))).mean(1)
        return h @ self.embedding.weight.T


class OverWidth(nn.Module):
    """A linear layer over the width of a map, and tokens flattened to features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.along, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(6, 5), nn.Linear(4 * 6 * 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.along(self.conv(x).relu()).tanh().flatten(1))


class Tokens(nn.Module):
    """BatchNorm over tokens, attention with packed weights, a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Linear(6, 8), nn.BatchNorm1d(5)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.attention, self.head = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.embed(x.reshape(len(x), 5, 6)))
        h = torch.cat([self.token.expand(len(x), -1, -1), h], 1)
        return self.head(self.attention(h)[:, 0])


class Groups(nn.Module):
    """Depthwise and grouped convolutions, group norm, squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deep = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3, groups=8)
        self.norm, self.grouped = nn.GroupNorm(4, 8), nn.Conv2d(8, 12, 1, groups=4)
        self.squeeze, self.excite, self.head = nn.Conv2d(12, 4, 1), nn.Conv2d(4, 12, 1), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.grouped(self.norm(self.deep(self.stem(x)).relu())).relu()
        gate = self.excite(self.squeeze(h.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return self.head((h * gate).mean((2, 3)))


class Dense(nn.Module):
    """Maps that are joined channel by channel, and gates that are halves of a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(8, 6, 1)
        self.gated, self.head = nn.Linear(6, 20), nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x).relu()
        h = self.c(torch.cat([h, self.b(h).relu()], 1)).mean((2, 3))
        value, gate = self.gated(h).chunk(2, -1)
        return self.head(value * gate.sigmoid())


class Recurrent(nn.Module):
    """Gates whose order no rule tells, between layers that may move."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.lstm = nn.Linear(6, 8), nn.LSTM(8, 5, batch_first=True)
        self.inner, self.head = nn.Linear(5, 7), nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.inner(self.lstm(self.embed(x.reshape(len(x), 5, 6)))[0][:, -1]).relu())


def normed() -> nn.Module:
    """Weights that are stored in parts: a length and a direction, a matrix and its largest singular vectors."""
    return nn.Sequential(
        parametrizations.weight_norm(nn.Linear(30, 8)), nn.PReLU(8), spectral_norm(nn.Linear(8, 10)), nn.Tanh(),
        parametrizations.spectral_norm(nn.Linear(10, 6)), nn.ReLU(), nn.Linear(6, 3),
    )  # fmt: off


def pruned() -> nn.Module:
    module = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 3))
    for layer in (module[0], module[2]):
        prune.l1_unstructured(layer, "weight", 0.5)
    return module


class OfRows(nn.Module):
    """Pooling and padding along the units of a layer: their order counts."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(30, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = nn.functional.pad(self.a(x).tanh(), (1, -1))
        return self.c(nn.functional.avg_pool1d(self.b(h).tanh(), 3, 1, 1))


MAPS, FLAT = torch.randn(4, 1, 6, 6, generator=torch.Generator().manual_seed(5)), torch.randn(4, 30)
NETWORKS = {
    "twice": (Twice, torch.randn(4, 6)),
    "siamese": (Siamese, torch.randn(4, 8)),
    "tied": (Tied, torch.randint(0, 12, (4, 7))),
    "over width": (OverWidth, MAPS),
    "tokens": (Tokens, FLAT),
    "groups": (Groups, MAPS),
    "dense": (Dense, MAPS),
    "recurrent": (Recurrent, FLAT),
    "normed": (normed, FLAT),
    "pooled rows": (OfRows, FLAT),
    "pruned": (pruned, FLAT),
    "mlp": (lambda: build("mlp", inputs=6, classes=3, width=8, depth=3), torch.randn(4, 6)),
    "lenet": (lambda: build("lenet", classes=3), torch.randn(4, 1, 8, 8)),
    "vgg": (lambda: build("vgg-cifar", classes=3, channels=1), torch.randn(4, 1, 32, 32)),
    "resnet": (lambda: build("resnet-cifar", classes=3, channels=1, depth=8, width=4), torch.randn(4, 1, 8, 8)),
    "vit": (
        lambda: build("vit-small", classes=3, channels=1, side=4, patch=2, width=8, depth=2, heads=2),
        torch.randn(4, 1, 4, 4),
    ),
}
# What the network leaves free, where it can be counted by hand.
FREE = {
    "twice": 0,
    "siamese": 8,
    "tied": 8 + 16,
    "over width": 4 + 5,
    "pooled rows": 0,
    "groups": 4 + 2 + 3 + 4,
    "pruned": 15,
    "normed": 24,
}


def network(name: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A network in float64 whose norms have statistics of their own, so that orders matter."""
    make, x = NETWORKS[name]
    torch.manual_seed(seed)
    module = make().double().eval()
    for tensor in [*module.parameters(), *module.buffers()]:
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.data.copy_(torch.rand_like(tensor) + 0.5)
    return module, x.double() if x.is_floating_point() else x


def shuffled(module: nn.Module, x: Tensor, seed: int) -> nn.Module:
    """A twin whose units were reordered at random."""
    orders = orders_of(module, x)
    rng = torch.Generator().manual_seed(seed)
    return permuted(module, orders, {o: torch.randperm(size, generator=rng) for o, size in orders.sizes.items()})


def distance(a: nn.Module, b: nn.Module) -> float:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return sum(float((p.double() - q.double()).square().sum()) for p, q in pairs)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_order_that_is_found_keeps_the_function(name: str) -> None:
    module, x = network(name)
    before = copy.deepcopy(module.state_dict())
    for seed in range(3):
        assert torch.allclose(shuffled(module, x, seed)(x), module(x), atol=1e-9)
    assert all(torch.equal(module.state_dict()[n], t) for n, t in before.items())


@pytest.mark.parametrize("name", list(FREE))
def test_as_many_units_are_free_as_the_network_allows(name: str) -> None:
    module, x = network(name)
    assert sum(orders_of(module, x).sizes.values()) == FREE[name]


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in ("twice", "pooled rows")])
def test_matching_undoes_a_random_order(name: str) -> None:
    module, x = network(name)
    twin = shuffled(module, x, 2)
    orders = orders_of(module, x)
    weights = [dict(m.named_parameters()) for m in (module, twin)]
    back = permuted(twin, orders, matched(*weights, orders))
    if name in ("tokens", "vit", "tied", "normed"):
        # An order on two axes of a tensor, or one inside another, is a harder problem: nearer, if not all the way.
        assert distance(back, module) <= 0.7 * distance(twin, module)
        return
    for (key, old), new in zip(module.state_dict().items(), back.state_dict().values(), strict=True):
        assert torch.allclose(new, old), key


def test_a_layer_that_is_read_twice_is_not_moved() -> None:
    a, b = network("twice")[0], network("twice", 1)[0]
    x = torch.randn(60, 6, dtype=torch.float64)
    y = torch.randint(0, 3, (60,))
    for slug in ("loss-barrier-matched", "weight-cosine-matched"):
        with pytest.raises(Unprocessable, match="No units of this network can trade places"):
            measure(slug)(a, b, x, y)


@pytest.mark.parametrize("name", ["tokens", "groups", "normed", "tied"])
def test_the_path_ends_at_the_second_network(name: str) -> None:
    (a, x), (b, _) = network(name), network(name, 1)
    y = b(x).argmax(1)
    curve = measure("loss-barrier-matched")(a, b, x, y).series["loss"]
    for end, module in ((0, a), (-1, b)):
        loss = nn.functional.cross_entropy(module(x), y).item()
        assert curve[end] == pytest.approx(loss, rel=1e-6)


def test_an_exported_program_leaves_the_same_units_free(tmp_path: Path) -> None:
    module, x = network("resnet")
    program = opened(exported(module.float(), x.float(), tmp_path / "m.pt2"))
    assert sum(orders_of(program, x.float()).sizes.values()) == sum(orders_of(module, x.float()).sizes.values())
    assert torch.allclose(shuffled(program, x.float(), 1)(x.float()), module(x.float()), atol=1e-4)


def test_values_that_choose_the_operators_are_refused() -> None:
    class Choosing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if float(x.sum()) > 0 else -x

    with pytest.raises(Undefined, match="cannot be followed"):
        orders_of(Choosing(), torch.randn(3, 2))


def test_masked_weights_are_compared_as_the_network_uses_them() -> None:
    (a, x), (b, _) = network("pruned"), network("pruned", 1)
    plain = []
    for module in (a, b):
        twin = copied(module)
        for layer in (twin[0], twin[2]):
            prune.remove(layer, "weight")
        plain.append(twin)
    y = torch.zeros(len(x)).long()
    stored, right = (measure("weight-cosine-matched")(*m, x, y).value for m in ((a, b), plain))
    assert stored == pytest.approx(right, abs=1e-12)
