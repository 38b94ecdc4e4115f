"""Statistics against values of R: ``r_values.R`` makes them, and is not needed to run this."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinscape.backend.statistics import paired
from kinscape.backend.statistics.mantel import mantel
from kinscape.backend.statistics.ranks import benjamini_yekutieli, kendall, partial, spearman
from kinscape.backend.statistics.two_classifiers import paired_accuracy

VALUES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("r_values.json").read_text())


def cases(kind: str) -> Any:
    """The cases of one kind."""
    found = [pytest.param(case, id=name) for name, case in VALUES.items() if name.startswith(kind)]
    assert found
    return pytest.mark.parametrize("case", found)


@cases("paired")
def test_paired_differences(case: dict[str, Any]) -> None:
    d = np.array(case["d"])
    found = paired.wilcoxon(d)
    assert (found.p_less, found.p_greater) == pytest.approx((case["less"], case["greater"]), rel=1e-12)
    assert paired.sign_flip(d).p_less == pytest.approx(case["flip_less"], rel=1e-12)
    assert paired.mean_interval(d) == pytest.approx((case["low"], case["high"]), rel=1e-9)
    assert paired.equivalent_within(d, 0.05) == pytest.approx(case["margin"], rel=1e-9)


@cases("two samples")
def test_two_samples(case: dict[str, Any]) -> None:
    found = paired.two_samples(np.array(case["a"]), np.array(case["b"]))
    assert (found.p_less, found.p_greater) == pytest.approx((case["less"], case["greater"]), rel=1e-12)


@cases("correlation")
def test_correlations_with_ties(case: dict[str, Any]) -> None:
    x, y, z = (np.array(case[name]) for name in "xyz")
    assert float(spearman(x, y)) == pytest.approx(case["spearman"], abs=1e-12)
    assert float(kendall(x, y)) == pytest.approx(case["kendall"], abs=1e-12)
    held = partial(spearman(x, y), spearman(x, z), spearman(y, z))
    assert float(held) == pytest.approx(case["partial"], abs=1e-12)


@cases("adjusted")
def test_benjamini_yekutieli(case: dict[str, Any]) -> None:
    assert benjamini_yekutieli(np.array(case["p"])) == pytest.approx(case["by"], rel=1e-12)


@cases("power")
def test_what_so_many_units_can_show(case: dict[str, Any]) -> None:
    found = paired.detectable(case["n"], case["level"])
    # R takes the non-central t without its far tail, and solves to four digits.
    assert found == pytest.approx(case["size"], rel=1e-4)


@cases("mantel")
def test_mantel(case: dict[str, Any]) -> None:
    n = case["n"]
    a, b = (np.array(case[name]).reshape(n, n) for name in "ab")
    rho, p, _ = mantel([a, b])
    assert rho[0, 1] == pytest.approx(case["rho"], abs=1e-12)
    # R's p is one-sided, ours two-sided; both are of random permutations.
    assert case["p"] - 0.02 <= p[0, 1] <= 2 * case["p"] + 0.02


@cases("mcnemar")
def test_two_classifiers(case: dict[str, Any]) -> None:
    assert paired_accuracy(case["one"], case["two"], 200).p == pytest.approx(case["p"], rel=1e-9)
