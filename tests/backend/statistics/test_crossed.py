"""Intervals over units and samples at once."""

import numpy as np
import pytest
from scipy import stats

from kinscape.backend.statistics.crossed import crossed_interval
from kinscape.backend.statistics.paired import mean_interval

GROUPS = 20


def without_each_group(scores: np.ndarray) -> np.ndarray:
    """Means ``(units, groups)`` of ``(units, samples)`` with one group of samples left out."""
    parts = np.array_split(np.arange(scores.shape[1]), GROUPS)
    return np.stack([np.delete(scores, part, axis=1).mean(1) for part in parts], axis=1)


def drawn(rng: np.random.Generator, *, units: float, samples: float, rest: float) -> np.ndarray:
    """Scores of eight units on 400 samples, of mean 0, with effects of each and of both."""
    return units * rng.normal(size=(8, 1)) + samples * rng.normal(size=(1, 400)) + rest * rng.normal(size=(8, 400))


@pytest.mark.parametrize(
    ("units", "samples", "rest"), [(0.05, 1.0, 1.0), (0.3, 1.0, 0.5), (0.05, 0.0, 1.0), (0.0, 1.0, 0.3)]
)
def test_it_covers_what_other_units_and_samples_would_give(units: float, samples: float, rest: float) -> None:
    rng = np.random.default_rng(5)
    inside, for_these = 0, 0
    for _ in range(400):
        scores = drawn(rng, units=units, samples=samples, rest=rest)
        low, high = crossed_interval(scores.mean(1), without_each_group(scores)) or (1.0, -1.0)
        inside += low <= 0 <= high
        low, high = mean_interval(scores.mean(1)) or (1.0, -1.0)
        for_these += low <= 0 <= high
    assert inside / 400 >= 0.93
    if samples:
        # What the interval over units alone promises is about these samples, and it shows.
        assert for_these < inside


def test_without_an_error_over_samples_it_is_that_over_units() -> None:
    values = np.array([1.0, 2.0, 4.0, 3.0])
    found = crossed_interval(values, np.repeat(values[:, None], GROUPS, axis=1))
    assert found == pytest.approx(mean_interval(values))


def test_it_is_the_sum_of_both_variances() -> None:
    rng = np.random.default_rng(2)
    scores = drawn(rng, units=0.2, samples=1, rest=1)
    values, left = scores.mean(1), without_each_group(scores)
    over_units = values.var(ddof=1) / 8
    means = left.mean(0)
    over_samples = (GROUPS - 1) / GROUPS * ((means - means.mean()) ** 2).sum()
    freedom = (over_units + over_samples) ** 2 / (over_units**2 / 7 + over_samples**2 / (GROUPS - 1))
    half = stats.t.ppf(0.975, freedom) * np.sqrt(over_units + over_samples)
    assert crossed_interval(values, left) == pytest.approx((values.mean() - half, values.mean() + half))


def test_too_few_or_missing_numbers_have_none() -> None:
    left = np.ones((2, GROUPS))
    assert crossed_interval(np.ones(2), left) is None
    assert crossed_interval(np.ones(3), np.full((3, GROUPS), np.nan)) is None
    assert crossed_interval(np.ones(3), np.ones((3, GROUPS))) == (1.0, 1.0)
