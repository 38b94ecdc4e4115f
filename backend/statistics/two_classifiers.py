"""Whether two classifiers are right on different shares of the same samples."""

import math
from dataclasses import dataclass

from scipy import stats

# Two-sided 95 %.
NORMAL_95 = float(stats.norm.ppf(0.975))
METHOD = "exact McNemar test; 95 % interval of Bonett and Price for paired proportions"


@dataclass(frozen=True)
class PairedAccuracy:
    """Accuracy of the first minus that of the second, with its 95 % interval, and the p of no difference."""

    difference: float
    low: float
    high: float
    p: float


def paired_accuracy(only_first: int, only_second: int, samples: int) -> PairedAccuracy:
    """Compare two accuracies on the same samples.

    Args:
        only_first: samples on which the first alone is right; ``only_second`` likewise.
        samples: all of them, at least one.

    Sources: McNemar 1947, exactly by the binomial distribution; Bonett and Price 2012, adjusted Wald interval.
    """
    differing = only_first + only_second
    p = float(stats.binomtest(only_first, differing).pvalue) if differing else 1.0
    first, second = ((k + 1) / (samples + 2) for k in (only_first, only_second))
    middle = first - second
    half = NORMAL_95 * math.sqrt((first + second - middle**2) / (samples + 2))
    return PairedAccuracy((only_first - only_second) / samples, max(-1.0, middle - half), min(1.0, middle + half), p)
