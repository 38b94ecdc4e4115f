"""A power law fitted to the tail of a spectrum."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

# Tails of fewer values fit any exponent.
FEWEST = 20
# Tails × values that stay in the cache.
ENTRIES_AT_ONCE = 1 << 16

# Values so near one another are one value with its rounding, that of float32 weights included: they have no tail.
SAME = 1e-4

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """Exponent, where the tail begins, and the distance of the fit.

    Attributes:
        alpha: exponent of the density ``x^-alpha``.
        start: smallest value of the tail.
        distance: Kolmogorov-Smirnov distance of the tail from the law.
        tail: number of values in the tail.
    """

    alpha: float
    start: float
    distance: float
    tail: int


def fit_power_law(values: Tensor) -> PowerLaw | None:
    """The power law whose tail fits best, over every place where the tail may begin.

    For a tail of n values from x: ``alpha = 1 + n / Σ ln(x_j / x)``; the tail with the smallest
    Kolmogorov-Smirnov distance is taken, the longest where several tie.

    Args:
        values: positive, ascending, ``(n,)``, float64.

    Returns:
        None for fewer than 20 values, or when all are equal.

    Source: Clauset, Shalizi & Newman 2009, sections 3.1 and 3.3; Martin & Mahoney 2021.
    """
    count = len(values)
    if count < FEWEST or float(values[-1]) <= float(values[0]) * (1 + SAME):
        return None
    logs = np.log(values.numpy())
    tails = np.arange(count, 1, -1)
    # Equal values at the end are a tail without a law: 0/0.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        alphas = 1 + tails / (logs[::-1].cumsum()[::-1][:-1] - tails * logs[:-1])
        step = max(1, ENTRIES_AT_ONCE // count)
        distances = np.concatenate(
            [_distances(logs, alphas[start : start + step], start) for start in range(0, count - 1, step)]
        )
    best = int(distances.argmin())
    return PowerLaw(float(alphas[best]), float(values[best]), float(distances[best]), int(tails[best]))


def _distances(logs: Numbers, alphas: Numbers, start: int) -> Numbers:
    """Largest gap between the law and the share of the tail below each value, for tails from ``start`` on."""
    count, block = len(logs), len(alphas)
    begin = np.arange(start, start + block)
    power = 1 - alphas
    # law - share = 1 + begin/n - (x/x_begin)^power - place/n, built in place: this is most of the work.
    gap = np.multiply.outer(power, logs[start:])
    gap -= (power * logs[start : start + block])[:, None]
    np.exp(gap, out=gap)
    size = 1 / (count - begin)
    gap += np.multiply.outer(size, np.arange(start, count))
    gap -= (1 + begin * size)[:, None]
    np.abs(gap, out=gap)
    # Values below a tail's begin are not of it; they stand in the first columns only.
    gap[:, :block][np.tri(block, block, -1, dtype=bool)] = 0
    return np.where(np.isfinite(power), gap.max(1), 1.0)
