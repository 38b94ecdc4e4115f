"""Features of which one sample lies far from all others: numbers are those of exact arithmetic."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from kinscape import measure
from kinscape.backend.contracts.problems import Unprocessable

Matrix = npt.NDArray[np.float32]


def with_an_outlier(size: float, *, samples: int = 30, width: int = 5) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, width))
    y = 0.7 * x + rng.standard_normal((samples, width))
    x[0] *= size
    y[0] *= size
    return x.astype(np.float32), y.astype(np.float32)


def exact_gram(x: Matrix) -> list[list[Fraction]]:
    """Inner products off the diagonal; the unbiased estimator does not see a shift of the features."""
    rows = [[Fraction(float(v)) for v in row] for row in x]
    return [
        [sum((a * b for a, b in zip(r, s, strict=True)), Fraction(0)) if r is not s else Fraction(0) for s in rows]
        for r in rows
    ]


def exact_hsic(k: list[list[Fraction]], l: list[list[Fraction]]) -> Fraction:  # noqa: E741  (the paper's letters)
    """Song et al. 2012, equation 5, times n(n - 3)."""
    n = len(k)
    products = sum((a * b for r, s in zip(k, l, strict=True) for a, b in zip(r, s, strict=True)), Fraction(0))
    mine, theirs = [sum(r, Fraction(0)) for r in k], [sum(r, Fraction(0)) for r in l]
    grand = sum(mine, Fraction(0)) * sum(theirs, Fraction(0)) / ((n - 1) * (n - 2))
    rows = sum((a * b for a, b in zip(mine, theirs, strict=True)), Fraction(0))
    return products + grand - rows * Fraction(2, n - 2)


@pytest.mark.parametrize("size", [1e3, 1e5, 1e7, 1e8])
@pytest.mark.parametrize("width", [5, 80])
def test_linear_cka_is_that_of_exact_arithmetic(size: float, width: int) -> None:
    x, y = with_an_outlier(size, width=width)
    k, m = exact_gram(x), exact_gram(y)
    # The quotient of its square is one of whole numbers.
    square = exact_hsic(k, m) ** 2 / (exact_hsic(k, k) * exact_hsic(m, m))
    sign = 1 if exact_hsic(k, m) > 0 else -1
    for ask in (True, False):
        assert measure("linear-cka")(x, y, intervals=ask).value == pytest.approx(sign * float(square) ** 0.5, abs=1e-8)


@pytest.mark.parametrize("slug", ["linear-cka", "linear-cka-biased", "rbf-cka", "rbf-cka-biased"])
@pytest.mark.parametrize("size", [1e7, 1e10])
def test_a_layer_with_an_outlier_is_like_itself(slug: str, size: float) -> None:
    x, _ = with_an_outlier(size)
    assert measure(slug)(x, 2 * x).value == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("slug", ["rbf-cka", "rbf-cka-biased"])
def test_kernels_of_near_samples_do_not_see_how_far_the_outlier_is(slug: str) -> None:
    """Beyond some widths of the kernel its similarity with all others is 0; the bandwidth is a median."""
    values = []
    for size in (1e5, 1e8, 1e10):
        x, y = with_an_outlier(size)
        values += [measure(slug)(x, y, intervals=ask).value for ask in (True, False)]
    assert values == pytest.approx([values[0]] * len(values), abs=1e-8)


def test_far_samples_are_equally_uniform() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 50, 4))
    for size in (1e3, 1e6, 1e8, 1e12):
        # Every kernel value of two samples is 0, whatever rounding makes of the distance to itself.
        assert measure("uniformity-difference")(x * size, y * size).value == 0


def test_near_samples_far_from_the_mean_keep_their_kernel() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3))
    far = np.where(np.arange(40)[:, None] % 2, 1e8, -1e8)
    pairs = ((x[:, None] - x[None]) ** 2).sum(-1)
    same = (np.arange(40)[:, None] - np.arange(40)[None]) % 2 == 0
    right = np.log(np.exp(-2 * pairs)[same].sum()) - np.log(np.exp(-2 * pairs).sum())
    assert measure("uniformity-difference")(x + far, x).value == pytest.approx(abs(right), rel=1e-5)


def test_distances_that_an_outlier_swallows_are_told() -> None:
    x, y = with_an_outlier(1e10)
    with pytest.raises(Unprocessable, match="so far from all others"):
        measure("distance-correlation")(x, y)
