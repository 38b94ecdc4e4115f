"""Which directions of features are more than rounding: float32 and float64 tell the same."""

import pytest
import torch
from torch import Tensor

from kinscape import measure
from kinscape.backend.contracts.problems import Unprocessable

FAMILY = ["mean-cca", "mean-squared-cca", "pwcca", "svcca", "eigenspace-overlap", "linear-regression"]
INVARIANT = ["mean-cca", "mean-squared-cca"]


def drawn(seed: int, *size: int) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sharing(samples: int, shared: int, width: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Two layers of strong directions that they share and weak ones of their own."""
    common = drawn(seed, samples, shared)
    return tuple(  # type: ignore[return-value]
        common @ drawn(seed + k, shared, width) + 1e-3 * drawn(seed + 10 + k, samples, width) for k in (1, 2)
    )


def of(slug: str, a: Tensor, b: Tensor) -> float:
    return measure(slug)(a, b, intervals=False).value


@pytest.mark.parametrize("slug", FAMILY)
@pytest.mark.parametrize("mean", [0.0, 3.0, 100.0])
@pytest.mark.parametrize(("samples", "width"), [(60, 8), (2000, 16), (20_000, 16)])
def test_float32_features_with_a_mean_tell_what_float64_ones_tell(
    slug: str, mean: float, samples: int, width: int
) -> None:
    a, b = sharing(samples, 4, width, seed=samples)
    a, b = (x + mean * x.std(0) for x in (a, b))
    assert of(slug, a.float(), b.float()) == pytest.approx(of(slug, a, b), abs=1e-5 * max(mean, 1))


@pytest.mark.parametrize("slug", INVARIANT)
def test_weak_directions_of_many_samples_count(slug: str) -> None:
    a, b = (x + 10 * x.std(0) for x in sharing(20_000, 4, 16, seed=5))
    right = torch.linalg.svdvals(torch.linalg.qr(a - a.mean(0))[0].T @ torch.linalg.qr(b - b.mean(0))[0])
    expected = float(right.mean() if slug == "mean-cca" else right.square().mean())
    assert expected < 0.5
    for dtype in (torch.float64, torch.float32):
        assert of(slug, a.to(dtype), b.to(dtype)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("slug", INVARIANT)
@pytest.mark.parametrize("scale", [1e-3, 1e3, 1e-6])
def test_the_scale_of_a_unit_does_not_matter(slug: str, scale: float) -> None:
    a, b = drawn(0, 500, 20), drawn(1, 500, 20)
    b[:, :10] += a[:, :10]
    units = torch.ones(20, dtype=torch.float64)
    units[::2] = scale
    for dtype in (torch.float64, torch.float32):
        plain = of(slug, a.to(dtype), b.to(dtype))
        assert of(slug, (a * units).to(dtype), (b * units).to(dtype)) == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize("size", [1e200, 1e-200])
@pytest.mark.parametrize("slug", FAMILY)
def test_the_size_of_all_features_does_not_matter(slug: str, size: float) -> None:
    a, b = sharing(300, 4, 8, seed=1)
    assert of(slug, a * size, b * size) == pytest.approx(of(slug, a, b), abs=1e-9)


def test_positions_of_maps_are_as_many_samples_as_they_are() -> None:
    a, b = drawn(0, 300, 196, 16), drawn(1, 300, 196, 16)
    b[..., :4] = a[..., :4]
    wide = [(x + 3).float() for x in (a, b)]
    flat = [x.reshape(-1, 16) for x in (a, b)]
    right = torch.linalg.svdvals(
        torch.linalg.qr(flat[0] - flat[0].mean(0))[0].T @ torch.linalg.qr(flat[1] - flat[1].mean(0))[0]
    ).mean()
    assert of("mean-cca", *wide) == pytest.approx(float(right), abs=1e-4)


@pytest.mark.parametrize("slug", ["mean-cca", "linear-regression", "svcca"])
def test_features_that_vary_less_than_their_rounding_have_a_reason(slug: str) -> None:
    x = (drawn(0, 200, 6) + 3e7).float()
    y = drawn(1, 200, 6)
    with pytest.raises(Unprocessable, match=r"less than their rounding|constant"):
        of(slug, x, x)
    assert of(slug, y.float(), y.float()) == pytest.approx(1, abs=1e-6)


def test_a_set_explains_itself_whatever_its_mean() -> None:
    x = drawn(0, 400, 12) + 1e4
    for dtype in (torch.float64, torch.float32):
        assert of("linear-regression", x.to(dtype), x.to(dtype)) == pytest.approx(1, abs=1e-6)
