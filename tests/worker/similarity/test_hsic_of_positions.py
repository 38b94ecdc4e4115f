"""Every position as a sample: the definition, index by index, and who may be asked so."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from kinscape import measure, measures
from kinscape.backend.contracts.cards import Arity, Input
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.engine.forward import reduced
from kinscape.worker.evaluation.intervals import row_groups

FEATURES = {s: c for s, c in measures().items() if c.input is Input.FEATURES and c.arity is Arity.PAIR}
TAKERS = sorted(s for s, c in FEATURES.items() if c.takes_positions)


def maps(samples: int, positions: int, width: int, *, seed: int = 0, base: Tensor | None = None) -> Tensor:
    """Positions of a sample are alike."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 1, width, generator=rng, dtype=torch.float64)
    x = x + 0.7 * torch.randn(samples, positions, width, generator=rng, dtype=torch.float64)
    return x if base is None else x + base[:, :, :1]


def hsic_by_hand(x: Tensor, y: Tensor) -> Tensor:
    """Means over all indices of two, three and four different samples."""
    k, m = (torch.einsum("ipd,jqd->ipjq", z, z) for z in (x, y))
    n = len(x)
    pairs = [(k[i, :, j] * m[i, :, j]).mean() for i, j in itertools.permutations(range(n), 2)]
    rows = [(k[i, :, j].mean(1) * m[i, :, o].mean(1)).mean() for i, j, o in itertools.permutations(range(n), 3)]
    apart = [k[i, :, j].mean() * m[o, :, q].mean() for i, j, o, q in itertools.permutations(range(n), 4)]
    return torch.stack(pairs).mean() + torch.stack(apart).mean() - 2 * torch.stack(rows).mean()


def cka_by_hand(x: Tensor, y: Tensor) -> float:
    return float(hsic_by_hand(x, y) / (hsic_by_hand(x, x) * hsic_by_hand(y, y)).sqrt())


def test_pairs_of_positions_of_one_sample_are_left_out_of_linear_cka() -> None:
    x = maps(6, 3, 4) + 2
    y = maps(6, 3, 5, seed=1, base=x)
    assert measure("linear-cka")(x, y, intervals=False).value == pytest.approx(cka_by_hand(x, y), rel=1e-10)


def test_samples_leave_with_all_their_positions() -> None:
    x = maps(8, 2, 3)
    y = maps(8, 2, 3, seed=1, base=x)
    found = measure("linear-cka")(x, y)
    groups = row_groups(8)
    assert len(found.replicates) == len(groups) == 8
    for group, value in zip(groups, found.replicates, strict=True):
        rest = torch.tensor([i for i in range(8) if i not in group.tolist()])
        assert value == pytest.approx(cka_by_hand(x[rest], y[rest]), rel=1e-9)


def test_independent_maps_score_nothing_though_their_positions_are_alike() -> None:
    values = []
    for seed in range(20):
        x, y = maps(40, 16, 8, seed=2 * seed), maps(40, 16, 8, seed=2 * seed + 1)
        values.append(measure("linear-cka")(x, y, intervals=False).value)
    rows = measure("linear-cka")(x.flatten(0, 1), y.flatten(0, 1), intervals=False).value
    assert abs(np.mean(values)) < 3 * np.std(values) / 20**0.5
    assert rows > 0.05


@pytest.mark.parametrize("slug", TAKERS)
def test_one_position_is_the_sample_itself(slug: str) -> None:
    x = maps(60, 1, 6)
    y = maps(60, 1, 5, seed=1, base=x) if "permutation" not in slug else maps(60, 1, 6, seed=1, base=x)
    alone, mapped = measure(slug)(x[:, 0], y[:, 0]), measure(slug)(x, y)
    assert mapped.value == pytest.approx(alone.value, rel=1e-8)
    assert mapped.replicates == pytest.approx(alone.replicates, rel=1e-6, abs=1e-9)
    assert mapped.n == 60


@pytest.mark.parametrize("slug", [s for s in TAKERS if s != "linear-cka"])
def test_positions_are_rows_whose_intervals_are_those_of_samples(slug: str) -> None:
    x = maps(30, 4, 5)
    y = maps(30, 4, 5, seed=1, base=x)
    mapped, rows = measure(slug)(x, y), measure(slug)(x.flatten(0, 1), y.flatten(0, 1))
    assert mapped.value == pytest.approx(rows.value, rel=1e-9)
    assert mapped.n == 30
    assert mapped.low is not None and rows.low is not None
    assert mapped.replicates != pytest.approx(rows.replicates, rel=1e-6)


@pytest.mark.parametrize("slug", sorted(set(FEATURES) - set(TAKERS)))
def test_whoever_needs_independent_rows_says_so(slug: str) -> None:
    with pytest.raises(Unprocessable, match="does not take every position"):
        measure(slug)(maps(20, 4, 5), maps(20, 4, 5, seed=1))


def test_different_numbers_of_positions_do_not_meet_and_nothing_is_lost_by_them() -> None:
    xs = [maps(20, 4, 5), maps(20, 4, 5, seed=1), maps(20, 9, 5), maps(20, 1, 5)[:, 0]]
    found = measure("linear-cka").matrix(xs)
    assert np.isfinite(found.values[0, 1])
    assert found.reasons[0, 2] == "Not comparable: one has 4 positions per sample, the other 9."
    assert found.reasons[0, 3] == "Not comparable: one has 4 positions per sample, the other 1."
    alone = measure("linear-cka").matrix([maps(20, 1, 5), maps(20, 1, 5)[:, 0], maps(20, 4, 5)])
    assert alone.values[0, 1] == pytest.approx(1)
    few = measure("linear-cka").matrix([maps(3, 4, 5), maps(3, 4, 5, seed=1)], intervals=False)
    assert "at least 4 samples" in few.reasons[0, 1]
    still = measure("linear-cka").matrix([torch.ones(9, 4, 5), maps(9, 4, 5), maps(9, 4, 5, seed=1)], intervals=False)
    assert "constant" in still.reasons[0, 1]
    assert np.isfinite(still.values[1, 2])


def test_maps_and_tokens_keep_their_positions_apart() -> None:
    image = torch.randn(2, 3, 4, 5)
    found = reduced(image, "positions")
    assert found.shape == (2, 20, 3)
    assert torch.equal(found[1, 7], image[1, :, 1, 2])
    tokens = torch.randn(2, 6, 3)
    assert torch.equal(reduced(tokens, "positions"), tokens)
    vectors = torch.randn(2, 3)
    assert torch.equal(reduced(vectors, "positions"), vectors)


def test_one_sample_has_no_chance_level() -> None:
    assert "chance" not in measure("procrustes")(maps(1, 4, 5), maps(1, 4, 5, seed=1)).notes
    assert "chance" in measure("procrustes")(maps(30, 4, 5), maps(30, 4, 5, seed=1)).notes
