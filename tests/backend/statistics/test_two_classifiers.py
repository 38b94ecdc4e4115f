"""Two accuracies on the same samples: the test against its definition, the interval by simulation."""

import math

import numpy as np
import pytest

from kinscape.backend.statistics.two_classifiers import paired_accuracy


@pytest.mark.parametrize(("first", "second"), [(10, 3), (3, 10), (1, 0), (7, 7), (20, 4)])
def test_p_is_that_of_a_fair_coin(first: int, second: int) -> None:
    n = first + second
    mass = [math.comb(n, k) / 2**n for k in range(n + 1)]
    p = sum(m for m in mass if m <= mass[first] * (1 + 1e-9))
    assert paired_accuracy(first, second, 100).p == pytest.approx(p)


def test_two_that_never_differ() -> None:
    found = paired_accuracy(0, 0, 50)
    assert (found.difference, found.p) == (0, 1)
    assert found.low < 0 < found.high


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    for shares in ([0.8, 0.1, 0.04, 0.06], [0.9, 0.02, 0.02, 0.06], [0.4, 0.3, 0.1, 0.2]):
        truth = shares[1] - shares[2]
        inside = 0
        for counts in draw.multinomial(150, shares, size=1000):
            found = paired_accuracy(int(counts[1]), int(counts[2]), 150)
            inside += found.low <= truth <= found.high
        assert 0.93 <= inside / 1000 <= 0.985
