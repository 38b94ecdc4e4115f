"""Differences between groups, and who is related."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kinscape.backend.statistics.kinship import families, sharing
from kinscape.backend.statistics.several_groups import kruskal_permutation


def test_p_is_near_that_of_the_distribution_for_many_models() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 1, 12), rng.normal(0.8, 1, 12), rng.normal(0, 1, 12)])
    groups = ["a"] * 12 + ["b"] * 12 + ["c"] * 12
    found = kruskal_permutation(values, groups)
    assert found is not None
    assert found.p == pytest.approx(stats.kruskal(*np.split(values, 3)).pvalue, abs=0.02)


def test_two_groups_of_three_have_twenty_splits() -> None:
    found = kruskal_permutation(np.array([1.0, 2, 3, 4, 5, 6]), list("aaabbb"))
    assert found is not None
    # Two of the twenty are as extreme: this one and its mirror.
    assert found.p == pytest.approx(0.1, abs=0.015)
    assert found.models == 6


def test_equal_numbers_differ_in_no_way() -> None:
    found = kruskal_permutation(np.ones(6), list("aabbcc"))
    assert found is not None
    assert found.p == 1.0


@pytest.mark.parametrize("groups", [[], ["a"] * 4, list("abcd"), list("aabc")])
def test_without_two_groups_of_two_nothing_is_told(groups: list[str]) -> None:
    assert kruskal_permutation(np.arange(len(groups), dtype=float), groups) is None


def test_who_shares_anything_with_anybody_is_of_one_family() -> None:
    assert families(6, [(0, 2), (4, 2), (3, 5)]) == [0, 1, 0, 3, 0, 3]
    assert families(3, []) == [0, 1, 2]
    assert sharing(["x", None, "y", "x", None]) == [[0, 3], [2]]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_families_are_what_ties_connect(ties: list[tuple[int, int]]) -> None:
    found = families(10, ties)
    assert all(found[a] == found[b] for a, b in ties)
    assert all(found[head] == head and head <= k for k, head in enumerate(found))
