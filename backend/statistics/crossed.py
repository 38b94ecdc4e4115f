"""Means over units that were all asked about the same samples."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from kinscape.backend.statistics import jackknife

Floats = npt.NDArray[np.float64]
FEWEST = 3


def crossed_interval(values: Floats, replicates: Floats) -> tuple[float, float] | None:
    """95 % interval of a mean for other units and other samples, not for other units alone.

    The variance over units, over their number, plus the delete-a-group jackknife variance of the mean over groups of
    samples. What units and samples have in common is in both, so the interval is never too narrow for that. Student's t
    with the degrees of freedom of Welch and Satterthwaite.

    Source: Owen 2007, the pigeonhole bootstrap, section 3 (the variance of a mean of crossed random effects).

    Args:
        values: ``(units,)``.
        replicates: ``(units, groups)`` the same with one group of samples left out.

    Returns:
        None for fewer than three units or groups, or where a number is missing.
    """
    units, groups = replicates.shape
    if min(units, groups) < FEWEST or not np.isfinite(replicates).all() or not np.isfinite(values).all():
        return None
    over_units = values.var(ddof=1) / units
    over_samples = float(jackknife.standard_error(replicates.mean(0))) ** 2
    both = over_units + over_samples
    if both == 0:
        return float(values.mean()), float(values.mean())
    freedom = both**2 / (over_units**2 / (units - 1) + over_samples**2 / (groups - 1))
    half = stats.t.ppf(0.5 + jackknife.CONFIDENCE / 2, freedom) * np.sqrt(both)
    return float(values.mean() - half), float(values.mean() + half)
