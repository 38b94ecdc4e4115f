"""The jackknife against its closed form for a mean."""

import numpy as np
import pytest
from scipy import stats

from kinscape.backend.statistics.jackknife import half_width, paired_difference, standard_error

RNG = np.random.default_rng(2)


def left_out(values: np.ndarray) -> np.ndarray:
    return (values.sum() - values) / (len(values) - 1)


def test_the_error_of_a_mean_is_the_textbook_one() -> None:
    values = RNG.normal(size=30)
    assert standard_error(left_out(values)) == pytest.approx(stats.sem(values))
    low, high = stats.t.interval(0.95, 29, loc=values.mean(), scale=stats.sem(values))
    assert half_width(left_out(values)) == pytest.approx((high - low) / 2)


def test_columns_are_taken_one_by_one() -> None:
    values = RNG.normal(size=(12, 3))
    assert half_width(values) == pytest.approx([half_width(values[:, k]) for k in range(3)])


def test_a_paired_difference_cancels_what_both_share() -> None:
    shared, own = RNG.normal(size=20) * 100, RNG.normal(size=20)
    gap = paired_difference(left_out(shared), left_out(shared + own))
    assert gap == pytest.approx(half_width(left_out(own)))


@pytest.mark.parametrize(("one", "two"), [([], []), ([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0, np.nan], [1.0, 2.0, 3.0])])
def test_too_few_groups_have_no_interval(one: list[float], two: list[float]) -> None:
    assert paired_difference(np.array(one), np.array(two)) is None
