"""Stitching, sparse prediction, shared clusters, splits of classes, merging, curves, linearisation: by definition."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from kinscape import build, measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.methods import METHODS
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.loading.builtin import digits
from kinscape.worker.measures.catalogue import catalogue
from kinscape.worker.permutations.merging import mergeable, merged
from kinscape.worker.similarity.dichotomies import dichotomies
from kinscape.worker.similarity.matching import units_of
from kinscape.worker.similarity.sparse_prediction import lasso
from kinscape.worker.similarity.unit_clusters import joint_clusters, overlap

RNG = np.random.default_rng(23)


@pytest.fixture(scope="module")
def samples() -> tuple[torch.Tensor, torch.Tensor]:
    x, y = (torch.from_numpy(a) for a in digits("train"))
    return x[:300], y[:300]


def trained(seed: int, *, batches: int = 120) -> nn.Module:
    x, y = (torch.from_numpy(a) for a in digits("train"))
    torch.manual_seed(900 + seed)
    model = build("lenet", classes=10)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(batches):
        rows = torch.randint(0, len(x), (64,))
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimiser.step()
    return model.eval()


@pytest.fixture(scope="module")
def pair() -> tuple[nn.Module, nn.Module]:
    return trained(0), trained(1)


def test_the_lasso_meets_its_conditions_of_optimality() -> None:
    x = RNG.normal(size=(200, 30)) @ RNG.normal(size=(30, 30))
    x = (x - x.mean(0)) / x.std(0)
    y = x[:, :3] @ RNG.normal(size=(3, 5)) + RNG.normal(size=(200, 5))
    y = (y - y.mean(0)) / y.std(0)
    gram, products, penalty = torch.from_numpy(x.T @ x / 200), torch.from_numpy(x.T @ y / 200), 0.1
    w, _ = lasso(gram, products, penalty)
    slope = products - gram @ w
    used = w != 0
    assert 0 < int(used.sum()) < w.numel()
    assert torch.allclose(slope[used], penalty * w[used].sign(), atol=1e-5)
    assert bool((slope[~used].abs() <= penalty + 1e-5).all())
    assert not bool((lasso(gram, products, 1.0)[0] != 0).any())


def test_sparse_prediction_is_that_of_other_samples() -> None:
    x = RNG.normal(size=(400, 12))
    y = np.c_[2 * x[:, 3] + 1, RNG.normal(size=400)]
    found = measure("sparse-prediction")(x, y, penalty=0.01)
    a, b = ((v - v.mean(0)) / v.std(0) for v in (x, y))
    w, is_still = lasso(torch.from_numpy(a.T @ a / 400), torch.from_numpy(a.T @ b / 400), 0.01)
    assert is_still
    used = (w != 0).sum(0).numpy()
    errors = ((b - a @ w.numpy()) ** 2).mean(0) / (1 - (used + 1) / 400) ** 2 * (1 - 1 / 400) ** 2
    assert found.value == pytest.approx(1 - errors.mean(), abs=1e-6)
    assert errors[0] < 0.001
    # What generalised cross-validation promises: the error on samples that were not fitted.
    new_x, new = RNG.normal(size=(4000, 12)), RNG.normal(size=4000)
    guess = ((new_x - x.mean(0)) / x.std(0)) @ w.numpy()[:, 1] * y[:, 1].std() + y[:, 1].mean()
    assert ((new - guess) ** 2).mean() / new.var() == pytest.approx(errors[1], abs=0.1)
    with pytest.raises(Unprocessable, match="No unit of the first layer varies"):
        measure("sparse-prediction")(np.ones((50, 3)), y[:50])
    with pytest.raises(Unprocessable, match="nothing tells the error"):
        measure("sparse-prediction")(RNG.normal(size=(12, 40)), RNG.normal(size=(12, 3)), penalty=0.001)


def test_clusters_are_shared_where_groups_of_units_are() -> None:
    causes = RNG.normal(size=(300, 4))
    others = RNG.normal(size=(300, 4))

    def layer(about: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
        units = np.repeat(about, sizes, axis=1)
        return units + 0.1 * RNG.normal(size=units.shape)

    x = layer(causes, (5, 5, 5, 5))
    # Other numbers of units say the same: shares are 1/2, 1/6, 1/6, 1/6 against four quarters.
    y = layer(causes, (9, 3, 3, 3))
    both = [units_of(torch.from_numpy(v)) for v in (x, y)]
    assert overlap(*joint_clusters(*both, 4)[-1]) == pytest.approx(0.75)
    assert measure("unit-clusters")(x, layer(causes, (8, 8, 8, 8))).value > 0.9
    strangers = [both[0], units_of(torch.from_numpy(layer(others, (5, 5, 5, 5))))]
    assert overlap(*joint_clusters(*strangers, 8)[-1]) == 0.0
    assert len(measure("unit-clusters")(x, y, clusters=40).series["clusters"]) == 17
    with pytest.raises(Unprocessable, match="Two clusters need five units and four samples; there are 4 and 300"):
        measure("unit-clusters")(x[:, :2], y[:, :2])


def test_a_split_that_follows_a_direction_carries_over() -> None:
    labels = np.arange(600) % 8
    bits = np.array([[int(b) for b in f"{k:03b}"] for k in range(8)], dtype=float)
    abstract = np.c_[bits[labels] + 0.05 * RNG.normal(size=(600, 3)), 0.05 * RNG.normal(size=(600, 4))]
    # The corners of a cube: each of three splits of the eight is one coordinate, and carries over without a fault.
    found = measure("ccgp")(abstract, labels)
    assert found.value == 1.0
    assert found.notes["side"] in ("0, 1, 2, 3", "0, 1, 4, 5", "0, 2, 4, 6")
    assert found.notes["splits"] == 35
    assert measure("parallelism-score")(abstract, labels).value > 0.99
    # Exclusive or of all three: every class is surrounded by the other side.
    parity = sum(2**k for k in range(8) if bin(k).count("1") % 2)
    assert measure("ccgp")(abstract, labels, side=parity).value < 0.1
    # Classes in directions of their own: nothing carries over, whatever the split.
    apart = 5 * np.eye(8)[labels] + 0.5 * RNG.normal(size=(600, 8))
    assert measure("ccgp")(apart, labels, side=0b01010101).value < 0.6
    # What cannot be named is told.
    asked = [(labels, 4, "puts 1 of 8 classes on one side"), (labels, 256 + 15, "labels without samples: 8")]
    asked += [(labels % 5, 3, "The halves of 5 classes are not equal"), (labels + 46, 15 << 46, "Labels above 52")]
    for truth, side, sentence in asked:
        with pytest.raises(Unprocessable, match=sentence):
            measure("ccgp")(abstract, truth, side=side)
    with pytest.raises(Unprocessable, match="ask for fewer splits"):
        measure("ccgp")(RNG.normal(size=(900, 400)), np.arange(900) % 60, splits=500)
    with pytest.raises(Unprocessable, match="four classes or more"):
        measure("parallelism-score")(abstract, labels % 3)


def test_accuracy_across_conditions_is_that_of_least_squares() -> None:
    labels = np.arange(90) % 4
    x = RNG.normal(size=(90, 5)) + RNG.normal(size=(4, 5))[labels]
    found = measure("ccgp")(x, labels, side=0b0101, ridge=0.0)
    plus, minus, right = (0, 2), (1, 3), []
    for a in plus:
        for b in minus:
            kept = [k for k in range(4) if k not in (a, b)]
            means = np.array([x[labels == k].mean(0) for k in kept])
            centre = means.mean(0)
            rows = np.concatenate([(x[labels == k] - centre) / np.sqrt((labels == k).sum()) for k in kept])
            goal = np.concatenate(
                [np.full((labels == k).sum(), (1 if k in plus else -1) / np.sqrt((labels == k).sum())) for k in kept]
            )
            w = np.linalg.lstsq(rows, goal, rcond=None)[0]
            right += [((x[labels == a] - centre) @ w > 0).mean(), ((x[labels == b] - centre) @ w <= 0).mean()]
    assert found.value == pytest.approx(np.mean(right))


def test_every_split_is_told_once() -> None:
    assert len(dichotomies(10, 126)) == 126
    assert len(dichotomies(5, 126)) == 5 * 3
    drawn = dichotomies(40, 60)
    assert len({(d.plus, d.minus) for d in drawn}) == 60
    assert all(len(d.plus) == len(d.minus) == 5 and not set(d.plus) & set(d.minus) for d in drawn)
    assert drawn == dichotomies(40, 60)


def test_a_network_goes_on_from_a_rotation_of_itself(
    pair: tuple[nn.Module, nn.Module], samples: tuple[torch.Tensor, torch.Tensor]
) -> None:
    x, y = samples
    own = float((pair[1](x).argmax(1) == y).double().mean())
    itself = measure("stitching-accuracy")(pair[1], pair[1], x, y)
    assert itself.value == pytest.approx(own, abs=0.005)
    assert itself.notes["own_accuracy"] == pytest.approx(own)
    assert all(0 < half < 0.2 for half in itself.series["half_width"])
    # Channels of a convolution in another order are an affine map away.
    mixed = copy.deepcopy(pair[1])
    first = mixed.get_submodule("features.0")
    order = torch.randperm(first.out_channels)
    with torch.no_grad():
        first.weight.copy_(first.weight[order])
        first.bias.copy_(first.bias[order])
    turned = measure("stitching-accuracy")(mixed, pair[1], x, y)
    assert turned.series["value"][0] == pytest.approx(own, abs=0.005)
    stranger = measure("stitching-accuracy")(pair[0], pair[1], x, y)
    assert 0.1 < stranger.value < own


def test_nothing_goes_past_a_place_to_stitch(samples: tuple[torch.Tensor, torch.Tensor]) -> None:
    class Skipping(nn.Module):
        """Blocks that add to a stream."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(64, 32)
            self.one = nn.Linear(32, 32)
            self.two = nn.Linear(32, 32)
            self.last = nn.Sequential(nn.Linear(32, 10))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.inner(x.flatten(1))
            x = x + self.one(x.relu())
            return self.last((x + self.two(x.relu())).relu())

    x, y = samples
    torch.manual_seed(3)
    network, empty = Skipping(), Skipping()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(80):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimiser.step()
    with torch.no_grad():
        for tensor in empty.parameters():
            tensor.zero_()
    # Inside the blocks the network would hear itself, and its answer is no inner layer.
    other = measure("stitching-accuracy")(network, network, x, y)
    assert other.series["layer"] == ("inner",)
    assert other.value == pytest.approx(other.notes["own_accuracy"])
    found = measure("stitching-accuracy")(Skipping(), network, x, y)
    assert found.series["layer"] == ("inner",)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_channels_are_units_whatever_the_map(dimensions: int, samples: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = samples
    x = x.flatten(2) if dimensions == 1 else x
    conv = nn.Conv1d if dimensions == 1 else nn.Conv2d
    torch.manual_seed(4)
    layers = [conv(1, 12, 5, padding=2), nn.ReLU(), conv(12, 12, 3), nn.ReLU(), nn.Flatten()]
    network = nn.Sequential(*layers, nn.Linear(nn.Sequential(*layers)(x[:1]).shape[1], 10))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.005)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimiser.step()
    turned = copy.deepcopy(network)
    order = torch.randperm(12)
    with torch.no_grad():
        turned[0].weight.copy_(network[0].weight[order])
        turned[0].bias.copy_(network[0].bias[order])
        turned[2].weight.copy_(network[2].weight[:, order])
    own = (network(x).argmax(1) == y).double().mean().item()
    found = measure("stitching-accuracy")(turned, network, x, y)
    assert found.series["value"][:2] == pytest.approx([own, own], abs=0.005)


def test_a_trained_curve_goes_round_the_hill(
    pair: tuple[nn.Module, nn.Module], samples: tuple[torch.Tensor, torch.Tensor]
) -> None:
    straight = measure("loss-barrier")(*pair, *samples).value
    curved = measure("bezier-barrier")(*pair, *samples)
    assert straight > 0.3
    assert curved.value < straight / 3
    # The ends are the networks themselves.
    losses = [nn.functional.cross_entropy(m(samples[0]), samples[1]).item() for m in pair]
    assert [curved.series["loss"][k] for k in (0, -1)] == pytest.approx(losses, rel=1e-4)
    # A rate that throws the middle about leaves what is known: the straight line, with a warning.
    thrown = measure("bezier-barrier")(pair[0], pair[0], *samples, rate=10.0)
    assert thrown.value == pytest.approx(0.0, abs=1e-6)
    assert "no lower curve" in thrown.warning
    # A middle that may not move leaves the straight line, walked at another pace.
    still = measure("bezier-barrier")(*pair, *samples, rate=1e-6, steps=1, points=201).value
    assert still == pytest.approx(measure("loss-barrier")(*pair, *samples, points=201).value, rel=0.02)


def test_what_is_linear_in_its_weights_has_no_error(samples: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = samples
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    other = copy.deepcopy(flat)
    with torch.no_grad():
        other[1].weight.add_(torch.randn(10, 64))
    assert measure("linearisation-error")(flat, other, x, y).value < 1e-5
    model = trained(3, batches=20)
    near = copy.deepcopy(model)
    errors = []
    for size in (1e-3, 1e-2):
        torch.manual_seed(5)
        with torch.no_grad():
            for p, q in zip(near.parameters(), model.parameters(), strict=True):
                p.copy_(q + size * torch.randn_like(q))
        errors.append(measure("linearisation-error")(model.double(), near.double(), x.double(), y).value)
    # What is left is of second order: ten times the step, ten times the error.
    assert errors[1] / errors[0] == pytest.approx(10, rel=0.5)
    assert errors[0] < 0.05
    with pytest.raises(Unprocessable, match="no change to foretell"):
        measure("linearisation-error")(flat, flat, x, y)


def test_copies_of_units_are_merged_without_a_loss(samples: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = samples
    x = x.flatten(1)
    torch.manual_seed(7)
    small = nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
    optimiser = torch.optim.Adam(small.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        nn.functional.cross_entropy(small(x), y).backward()
        optimiser.step()
    twice = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
    with torch.no_grad():
        twice[0].weight.copy_(small[0].weight.repeat(2, 1))
        twice[0].bias.copy_(small[0].bias.repeat(2))
        twice[2].weight.copy_(small[2].weight.repeat(1, 2) / 2)
        twice[2].bias.copy_(small[2].bias)
    found = measure("feature-complexity")(twice, x, y, drop=0.0)
    assert found.value <= 0.5
    assert found.series["accuracy"][1] == pytest.approx(found.notes["accuracy"])
    # The network with merged copies is the network with half as many units.
    subject = Subject(twice, x, y)
    state, left = merged(subject, mergeable(subject)[0], 1e-5)
    assert left == 12
    with torch.no_grad():
        assert torch.allclose(subject.logits(state, x), small(x), atol=1e-4)


def test_merging_averages_what_units_read() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))
    subject = Subject(model, torch.randn(5, 3), torch.zeros(5, dtype=torch.int64))
    state, left = merged(subject, mergeable(subject)[0], 2.0)
    assert left == 1
    mean = model[0].weight.detach().mean(0)
    assert torch.allclose(state["0.weight"], torch.stack([mean, mean]))
    assert torch.equal(state["2.weight"], model[2].weight.detach())


def test_the_cost_of_a_pass_is_counted_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, 10))
    x, y = torch.randn(6, 1, 8, 8), torch.zeros(6, dtype=torch.int64)
    found = measure("forward-flops")(model, x, y)
    assert found.value == 2 * (64 * 9 * 4 + 256 * 10)
    assert found.notes["parameters"] == 40 + 2570
    with torch.no_grad():
        model[3].weight[:, ::2] = 0
    pruned = measure("forward-flops")(model, x, y)
    assert pruned.value == found.value
    assert pruned.notes["parameters_not_zero"] == 40 + 2570 - 1280


def test_what_the_counter_passes_over_is_not_counted_as_nothing() -> None:
    class Reader(nn.Module):
        """A sequence read from left to right."""

        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(8, 12, batch_first=True), nn.Linear(12, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.lstm(x)[0][:, -1])

    with pytest.raises(Unprocessable, match="are not counted"):
        measure("forward-flops")(Reader(), torch.randn(4, 5, 8), torch.zeros(4, dtype=torch.int64))


def test_units_that_a_parameter_adds_to_are_left_aside() -> None:
    class Placed(nn.Module):
        """Each unit gets a number of its own, so that equal ones differ."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.own, self.last = nn.Linear(4, 16), nn.Parameter(torch.randn(16)), nn.Linear(16, 8)
            self.head = nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.last((self.first(x) + self.own).relu()).relu())

    subject = Subject(Placed(), torch.randn(6, 4), torch.zeros(6, dtype=torch.int64))
    units, skipped = mergeable(subject)
    assert ([some.size for some in units], skipped) == ([8], 16)


def test_every_method_has_measures() -> None:
    assert len(METHODS) == 26
    for method, _source, slugs, _also in METHODS:
        assert slugs, method
        assert set(slugs) <= set(catalogue()), method
