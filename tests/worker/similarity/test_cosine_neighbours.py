"""Neighbours from rough cosines are those of exact ones."""

import pytest
import torch

from kinscape import measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.similarity.cosine_neighbours import _Keys, nearest_rows, unit_rows


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-6, 0.0])
def test_neighbours_are_the_same_whatever_is_rough(spread: float) -> None:
    rng = torch.Generator().manual_seed(0)
    x = 1 + spread * torch.randn(90, 30, generator=rng)
    x[40:60] = x[:20]  # twins tie with everybody
    x[0, 0] += 0.5
    units = unit_rows(x)
    exact = _Keys(units).nearest(torch.arange(90), k=7)
    assert torch.equal(nearest_rows(units, k=7), exact)
    sets = nearest_rows(units, k=7, in_order=False).sort(1).values
    assert torch.equal(sets, exact.sort(1).values)


@pytest.mark.parametrize(("n", "k"), [(11, 10), (11, 3), (2, 1)])
def test_samples_that_all_point_the_same_way_have_no_neighbours(n: int, k: int) -> None:
    same = torch.ones(n, 4)
    other = torch.randn(n, 4, generator=torch.Generator().manual_seed(0))
    for slug in ("knn-jaccard", "mutual-knn", "rank-similarity"):
        with pytest.raises(Unprocessable, match="same way"):
            measure(slug)(same, other, k=k, intervals=False)


def test_small_samples_beside_smaller_ones_have_neighbours() -> None:
    x = torch.randn(20, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    tiny = x.clone().mul_(1e-90)
    tiny[0] *= 1e-75
    assert measure("knn-jaccard")(x, tiny, k=3, intervals=False).value == 1


def test_settings_of_torch_without_one_answer_are_no_error() -> None:
    x = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
    right = measure("knn-jaccard")(x, x[:, :6], intervals=False).value
    before = torch.backends.cuda.matmul.fp32_precision
    try:
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        assert measure("knn-jaccard")(x, x[:, :6], intervals=False).value == right
    finally:
        torch.backends.cuda.matmul.fp32_precision = before


@pytest.mark.parametrize("copies", [1, 2, 4, 12])
def test_near_copies_have_the_neighbours_of_float64(copies: int) -> None:
    rng = torch.Generator().manual_seed(copies)
    x = torch.randn(120 // copies, 30, dtype=torch.float64, generator=rng).repeat(copies, 1)
    # Far below the digits of float32, and for some samples nothing at all.
    x += 1e-9 * torch.randn(x.shape, dtype=torch.float64, generator=rng) * (torch.arange(len(x)) % 3 > 0)[:, None]
    units = unit_rows(x)
    exact = _Keys(units).nearest(torch.arange(len(x)), k=5)
    assert torch.equal(nearest_rows(units, k=5), exact)
    assert torch.equal(nearest_rows(units, k=5, in_order=False).sort(1).values, exact.sort(1).values)


def test_likely_neighbours_save_whole_rows_where_few_are_close() -> None:
    rng = torch.Generator().manual_seed(0)
    x = unit_rows(torch.randn(300, 30, generator=rng))
    rows, rough = torch.arange(300), (x.float() @ x.float().T).fill_diagonal_(-torch.inf)
    keys = _Keys(x)
    found = keys.nearest_of_likely(rows, rough, k=5, room=1e-5)
    assert keys.rows_seen < 10
    assert torch.equal(found, _Keys(x).nearest(rows, k=5))


def test_samples_of_very_different_length_have_the_neighbours_of_their_directions() -> None:
    x = torch.randn(50, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    far = x * torch.logspace(-150, 150, 50, dtype=torch.float64)[:, None]
    assert measure("knn-jaccard")(x, far, intervals=False).value == 1


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("slug", ["disagreement", "class-order-kendall", "knn-jaccard", "rbf-cka"])
def test_autocast_outside_takes_no_digits(slug: str, threads: int) -> None:
    rng = torch.Generator().manual_seed(1)
    a = torch.randn(2500, 10, generator=rng)
    b = a + 0.3 * torch.randn(2500, 10, generator=rng)
    before, right = torch.get_num_threads(), measure(slug)(a, b, intervals=False).value
    try:
        torch.set_num_threads(threads)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert measure(slug)(a, b, intervals=False).value == pytest.approx(right, rel=1e-6)
            assert measure(slug).matrix([a, b], intervals=False).values[0, 1] == pytest.approx(right, rel=1e-6)
    finally:
        torch.set_num_threads(before)
