"""The Marchenko-Pastur law: how eigenvalues of random matrices lie."""

from functools import cache

import numpy as np

# A histogram of fewer eigenvalues has no bulk to speak of.
FEWEST = 20
# Midpoint rule in the angle, in which the integrand is smooth.
POINTS = 20001


@cache
def bulk_edge_per_median(ratio: float) -> float:
    """Upper edge of the Marchenko-Pastur law over its median.

    Args:
        ratio: longer side of the matrix over the shorter.
    """
    share = 1 / ratio
    low, high = (1 - share**0.5) ** 2, (1 + share**0.5) ** 2
    # Angles instead of eigenvalues: the density has no poles in them, also where the lower edge is 0.
    angle = (np.arange(POINTS) + 0.5) * np.pi / POINTS
    value = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
    mass = np.cumsum(np.sin(angle) ** 2 / value)
    return float(high / np.interp(0.5, mass / mass[-1], value))
