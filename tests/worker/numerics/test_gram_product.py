"""Products of rows with one another, whatever shares the work."""

import pytest
import torch

from kinscape.worker.numerics.gram_product import eigenvalues, products_of_rows


@pytest.mark.parametrize("rows", [1, 5, 256, 257, 600])
@pytest.mark.parametrize("threads", [1, 2])
def test_products_of_rows_are_the_plain_product(rows: int, threads: int) -> None:
    before = torch.get_num_threads()
    x = torch.randn(rows, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    try:
        torch.set_num_threads(threads)
        found = products_of_rows(x)
    finally:
        torch.set_num_threads(before)
    assert torch.allclose(found, x @ x.T, rtol=1e-12, atol=1e-12)
    assert torch.allclose(found, found.T, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("threads", [1, 2])
def test_eigenvalues_are_the_squares_of_singular_values(threads: int) -> None:
    before = torch.get_num_threads()
    x = torch.randn(30, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    try:
        torch.set_num_threads(threads)
        found = eigenvalues(products_of_rows(x))
    finally:
        torch.set_num_threads(before)
    assert torch.allclose(found.flip(0).sqrt(), torch.linalg.svdvals(x), rtol=1e-10)
