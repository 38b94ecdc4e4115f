"""Delete-a-group jackknife: how far a number would move on other samples."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
# Intervals are 95 % everywhere: cards and pages say so.
CONFIDENCE = 0.95
# With two groups the t quantile is 12.7: an interval that tells nothing.
FEWEST_GROUPS = 3


def standard_error(replicates: npt.NDArray[Any]) -> Floats:
    """Standard error ``(...)`` from leave-one-group-out values ``(groups, ...)``.

    Source: Efron & Tibshirani 1993, equation 11.5, with groups in the place of samples.
    """
    count = len(replicates)
    # Of values that are not finite there is no error: it is NaN.
    with np.errstate(invalid="ignore"):
        squares = np.square(replicates - replicates.mean(0)).sum(0)
    error: Floats = np.sqrt(squares * (count - 1) / count)
    return error


def half_width(replicates: npt.NDArray[Any]) -> Floats:
    """Half ``(...)`` of the 95 % t interval from leave-one-group-out values ``(groups, ...)``."""
    quantile = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(replicates) - 1))
    half: Floats = quantile * standard_error(replicates)
    return half


def paired_difference(one: npt.NDArray[Any], two: npt.NDArray[Any]) -> float | None:
    """Half of the 95 % interval of a difference of two numbers that left out the same groups; None for too few.

    Args:
        one, two: ``(groups,)`` leave-one-group-out values of each.
    """
    groups = min(len(one), len(two))
    if groups < FEWEST_GROUPS:
        return None
    half = float(half_width(np.asarray(one)[:groups] - np.asarray(two)[:groups]))
    return half if np.isfinite(half) else None
