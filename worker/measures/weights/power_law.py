"""A power law fitted to the tail of a spectrum."""

from dataclasses import dataclass

import torch
from torch import Tensor

FEWEST = 20
ROWS_AT_ONCE = 1 << 22


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
    if count < FEWEST or float(values[0]) == float(values[-1]):
        return None
    logs = values.log()
    tails = torch.arange(count, 1, -1, dtype=values.dtype)
    sums = logs.flip(0).cumsum(0).flip(0)[:-1] - tails * logs[:-1]
    alphas = 1 + tails / sums
    distances = torch.cat([
        _distances(logs, alphas, start, min(start + max(1, ROWS_AT_ONCE // count), count - 1))
        for start in range(0, count - 1, max(1, ROWS_AT_ONCE // count))
    ])  # fmt: skip
    best = int(distances.argmin())
    return PowerLaw(float(alphas[best]), float(values[best]), float(distances[best]), int(tails[best]))


def _distances(logs: Tensor, alphas: Tensor, start: int, stop: int) -> Tensor:
    """Largest gap between the law and the share of the tail below each value, for tails ``start..stop``."""
    count = len(logs)
    begin = torch.arange(start, stop, dtype=logs.dtype)
    power = 1 - alphas[start:stop]
    # law - share = 1 + begin/n - (x/x_begin)^power - place/n, built in place: this is most of the work.
    gap = torch.outer(power, logs[start:])
    gap.sub_((power * logs[start:stop])[:, None]).exp_()
    size = 1 / (count - begin)
    gap.addr_(size, torch.arange(start, count, dtype=logs.dtype)).sub_((1 + begin * size)[:, None]).abs_()
    # Values below a tail's begin are not of it; they stand in the first columns only.
    block = stop - start
    gap[:, :block].masked_fill_(torch.ones(block, block, dtype=torch.bool).tril(-1), 0)
    return torch.where(power.isfinite(), gap.amax(1), 1.0)
