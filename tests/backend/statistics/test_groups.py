"""Means and tests of groups against loops over pairs."""

from itertools import combinations, product

import numpy as np
import pytest

from kinscape.backend.statistics import groups

RNG = np.random.default_rng(5)


def table(models: int, *, gaps: int = 0) -> np.ndarray:
    """A symmetric table with some pairs that have no number."""
    values = RNG.normal(size=(models, models))
    values = values + values.T
    for i, j in [(0, 1), (2, 3)][:gaps]:
        values[i, j] = values[j, i] = np.nan
    return values


def mean(values: list[float]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def contrast(values: np.ndarray, left: list[int], right: list[int]) -> float:
    within = [values[i, j] for side in (left, right) for i, j in combinations(side, 2) if i != j]
    return mean(within) - mean([values[i, j] for i, j in product(left, right)])


@pytest.mark.parametrize("gaps", [0, 2])
def test_means_are_over_pairs_that_have_a_number(gaps: int) -> None:
    values = table(5, gaps=gaps)
    assert groups.mean_within(values) == pytest.approx(mean([values[i, j] for i, j in combinations(range(5), 2)]))
    assert groups.mean_between(values[:2, 2:]) == pytest.approx(mean(values[:2, 2:].ravel().tolist()))
    assert groups.contrast(values, 2) == pytest.approx(contrast(values, [0, 1], [2, 3, 4]), nan_ok=True)


def test_a_group_of_one_has_no_mean_within_and_no_interval() -> None:
    assert np.isnan(groups.mean_within(table(1)))
    assert groups.bootstrap_within(table(2)) is None
    assert groups.bootstrap_between(table(5)[:2, 2:]) is None


@pytest.mark.parametrize(("models", "first"), [(5, 2), (6, 3), (7, 3)])
@pytest.mark.parametrize("sign", [1, -1])
def test_every_split_is_tried_once(models: int, first: int, sign: int) -> None:
    values = table(models)
    everyone = list(range(models))
    splits = [c for c in combinations(everyone, first) if 2 * first != models or c[0] == 0]
    drawn = [sign * contrast(values, list(c), [i for i in everyone if i not in c]) for c in splits]
    found = groups.permutation_test(values, first, sign=sign)
    real = sign * contrast(values, everyone[:first], everyone[first:])
    assert found.are_all
    assert found.splits == len(splits)
    assert found.p == pytest.approx(np.mean([d >= real - 1e-12 for d in drawn]))


@pytest.mark.parametrize(("models", "first"), [(5, 2), (6, 3), (7, 4)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_excess_of_a_block_is_its_own_pairs_against_those_with_others(models: int, first: int, sign: int) -> None:
    values = table(models)

    def excess(chosen: tuple[int, ...]) -> float:
        others = [i for i in range(models) if i not in chosen]
        return float(
            np.mean([values[i, j] for i, j in combinations(chosen, 2)])
            - np.mean([values[i, j] for i in chosen for j in others])
        )

    real = excess(tuple(range(first)))
    assert groups.excess(values, first) == pytest.approx(real)
    drawn = [sign * excess(c) for c in combinations(range(models), first)]
    found = groups.permutation_test(values, first, sign=sign, of_first=True)
    # A block and all others are not one another's mirror: of three of six, all twenty are tried.
    assert (found.splits, found.are_all) == (len(drawn), True)
    assert found.p == pytest.approx(np.mean([d >= sign * real - 1e-12 for d in drawn]))
    interval = groups.bootstrap_excess(values, first)
    assert (interval is None) == (min(first, models - first) < groups.FEWEST_MODELS)


def test_many_splits_are_drawn_and_the_real_one_is_among_them() -> None:
    values = np.zeros((24, 24))
    values[:12, :12] = values[12:, 12:] = 1
    found = groups.permutation_test(values, 12, sign=1)
    assert not found.are_all
    assert found.splits == groups.MOST_SPLITS
    assert found.p == 1 / found.splits


def test_a_model_that_is_drawn_twice_has_no_pair_with_itself() -> None:
    values = np.full((4, 4), 2.0)
    np.fill_diagonal(values, 1e9)
    assert groups.bootstrap_within(values) == pytest.approx((2, 2))
    assert groups.bootstrap_contrast(np.pad(values, (0, 4), constant_values=2.0), 4) == pytest.approx((0, 0))


def test_the_interval_is_that_of_redrawn_models() -> None:
    values = table(8)
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(4000):
        rows = generator.integers(0, 8, 8)
        drawn.append(mean([values[i, j] for i, j in combinations(rows, 2) if i != j]))
    low, high = groups.bootstrap_within(values) or (0, 0)
    width = np.quantile(drawn, 0.975) - np.quantile(drawn, 0.025)
    assert [low, high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.1 * width)
