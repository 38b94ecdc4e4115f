"""Paired tests against scipy, closed forms and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kinscape.backend.statistics import paired
from kinscape.backend.statistics.paired import Floats

# Whole numbers: their sums have no rounding that either could take for a difference.
NUMBERS = st.lists(st.integers(-500, 500).map(float), min_size=2, max_size=9)


@given(NUMBERS)
def test_the_sign_flip_test_is_scipys_permutation_test(numbers: list[float]) -> None:
    differences = np.array(numbers, dtype=np.float64)
    found = paired.sign_flip(differences)
    for alternative, p in (("less", found.p_less), ("greater", found.p_greater)):
        known = stats.permutation_test(
            (differences,),
            lambda x, axis: x.mean(axis),
            permutation_type="samples",
            alternative=alternative,
            n_resamples=10_000,
            vectorized=True,
        )
        assert p == pytest.approx(known.pvalue, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("units", [5, 9, 14])
def test_the_signed_rank_test_is_scipys_exact_one(seed: int, units: int) -> None:
    differences = np.random.default_rng(seed).normal(0.4, 1, units)
    found = paired.wilcoxon(differences)
    for alternative, p in (("less", found.p_less), ("greater", found.p_greater)):
        known = stats.wilcoxon(differences, alternative=alternative, method="exact")
        assert p == pytest.approx(known.pvalue, abs=1e-12)


def test_differences_of_zero_count_for_nobody_and_ties_share_their_rank() -> None:
    assert paired.signed_ranks(np.array([0.0, 2.0, -2.0, 3.0])).tolist() == [0, 1.5, -1.5, 3]
    assert paired.wilcoxon(np.zeros(4)) == paired.Tested(1.0, 1.0, 1.0, are_all=True)
    with_zero, without = np.array([0.0, 1, 2, -0.5, 4]), np.array([1.0, 2, -0.5, 4])
    assert paired.wilcoxon(with_zero).p_greater == paired.wilcoxon(without).p_greater


def test_the_rank_biserial_correlation_is_that_of_its_definition() -> None:
    # Ranks 1, 2, 3 up and 4 down: (6 - 4) / 10.
    assert paired.rank_biserial(np.array([1.0, 2, 3, -4])) == pytest.approx(0.2)
    assert paired.rank_biserial(np.array([1.0, 2, 3])) == 1.0
    assert paired.rank_biserial(np.zeros(3)) is None


def test_five_pairs_have_one_in_thirty_two() -> None:
    assert paired.smallest_p(5) == 1 / 32
    found = paired.sign_flip(-np.arange(1.0, 6))
    assert (found.p_less, found.p_greater, found.are_all) == (1 / 32, 1.0, True)


def test_many_units_are_flipped_at_random_and_nearly_as_exactly() -> None:
    differences = np.random.default_rng(0).normal(0.3, 1, 30)
    found = paired.sign_flip(differences)
    assert not found.are_all
    assert found.p_greater == pytest.approx(stats.ttest_1samp(differences, 0, alternative="greater").pvalue, abs=0.01)


@pytest.mark.parametrize(("one", "two"), [(4, 5), (3, 3), (7, 6)])
def test_two_groups_are_scipys_exact_rank_test(one: int, two: int) -> None:
    rng = np.random.default_rng(one)
    x, y = rng.normal(size=one), rng.normal(0.5, 1, size=two)
    found = paired.two_samples(x, y)
    assert found.p_less == pytest.approx(stats.mannwhitneyu(x, y, alternative="less", method="exact").pvalue)
    assert found.p_greater == pytest.approx(stats.mannwhitneyu(x, y, alternative="greater", method="exact").pvalue)


def test_a_time_that_was_not_waited_for_beats_only_shorter_ones() -> None:
    """By hand: 9+ is longer than 3 and 5; 4+ than 3 alone; nothing is known between 4+ and 5."""
    one, two = np.array([9.0, 4.0]), np.array([3.0, 5.0])
    found = paired.censored_samples(one, two, np.array([False, False, True, True]))
    # Scores 2, 1, -2, -1: of six deals none has a larger sum than 3.
    assert found.p_greater == pytest.approx(1 / 6)
    known = paired.censored_samples(one, two, np.ones(4, dtype=bool))
    assert known == paired.two_samples(one, two)


def test_shared_units_do_not_make_own_against_others_too_sure() -> None:
    """Each network and each unit has an effect of its own, so that all pairs of it are near or far together."""
    rng = np.random.default_rng(11)

    def p() -> float:
        table = rng.normal(size=(5, 1)) + rng.normal(size=(1, 5)) + 0.3 * rng.normal(size=(5, 5))
        ways, _ = paired.assignments(5)
        draws = table[np.arange(5)[None], ways].mean(1)
        return float((draws <= draws[0] + 1e-12).mean())

    share = np.mean([p() <= 0.05 for _ in range(2000)])
    assert 0.03 < share < 0.065


def test_assignments_are_all_ways_and_begin_with_the_data() -> None:
    ways, are_all = paired.assignments(4)
    assert are_all
    assert len({tuple(w) for w in ways.tolist()}) == len(ways) == 24
    assert ways[0].tolist() == [0, 1, 2, 3]
    many, are_all = paired.assignments(12)
    assert not are_all
    assert many[0].tolist() == list(range(12))
    assert paired.smallest_p_of_assignments(12) == 1 / len(many)


def test_draws_of_one_test_need_no_adjustment() -> None:
    rng = np.random.default_rng(5)
    table = rng.normal(size=(6, 6)) - 2 * np.eye(6)
    ways, _ = paired.assignments(6)
    draws = table[np.arange(6)[None], ways].mean(1)
    alone = (draws <= draws[0] + 1e-12).mean()
    assert paired.largest_of_draws(draws[None], -1)[0] == pytest.approx(alone)
    assert paired.largest_of_draws(np.stack([draws, 5 * draws]), -1) == pytest.approx([alone, alone])
    assert paired.largest_of_draws(np.ones((1, 10)), 1).tolist() == [1.0]


def test_one_test_needs_no_adjustment_and_equal_tests_cost_nothing() -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(0.5, 1, 8)
    alone = paired.sign_flip(one).p_greater
    assert paired.largest_of(one[None], 1)[0] == pytest.approx(alone)
    assert paired.largest_of(np.stack([one, one, 3 * one]), 1) == pytest.approx([alone] * 3)


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_the_family_wise_error_is_held_and_not_wasted(shared: float) -> None:
    """Five tests of nothing: in at most 5 % of draws one of them is found, and in not much less where all agree."""
    rng = np.random.default_rng(3)

    def least() -> float:
        common = rng.normal(size=10)
        numbers = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=(5, 10))
        return float(paired.largest_of(numbers, 1).min())

    share = np.mean([least() <= 0.05 for _ in range(1000)])
    assert 0.03 < share < 0.07


def test_what_can_be_detected_is_detected_in_four_of_five() -> None:
    units, level = 12, 0.05
    size = paired.detectable(units, level)
    assert size is not None
    rng = np.random.default_rng(4)
    found = [paired.sign_flip(rng.normal(-size, 1, units)).p_less <= level for _ in range(600)]
    assert np.mean(found) == pytest.approx(paired.POWER, abs=0.05)


def test_four_pairs_can_detect_nothing_at_five_percent() -> None:
    assert paired.detectable(4, 0.05) is None
    assert paired.detectable(1, 0.05) is None
    assert paired.detectable(5, 0.05) is not None


def test_the_interval_of_a_mean_is_students() -> None:
    values = np.array([1.0, 2, 4, 8])
    known = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert paired.mean_interval(values) == pytest.approx(known)
    assert paired.mean_interval(values[:2]) is None


def two_one_sided(differences: Floats, margin: float) -> float:
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    return float(max(above, stats.ttest_1samp(differences, margin, alternative="less").pvalue))


@pytest.mark.parametrize("seed", range(6))
def test_at_the_margin_of_equivalence_two_one_sided_t_tests_just_reach_the_level(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(0.1 * (seed - 2), 0.2, size=4 + seed)
    within = paired.equivalent_within(differences, 0.05)
    assert within is not None
    assert two_one_sided(differences, within) == pytest.approx(0.05)
    assert two_one_sided(differences, 1.01 * within) < 0.05
    assert paired.equivalent_within(differences[:2], 0.05) is None


@pytest.mark.parametrize("units", [4, 8])
def test_equivalence_errs_as_seldom_as_it_says(units: int) -> None:
    """The mean lies at the margin: it is found to be within in at most five studies of a hundred."""
    rng = np.random.default_rng(1)
    found = [(paired.equivalent_within(rng.normal(0.5, 0.3, size=units), 0.05) or 9) <= 0.5 for _ in range(2000)]
    # 5 % of 2,000 are 100, give or take 10.
    assert 0.035 < np.mean(found) < 0.065
