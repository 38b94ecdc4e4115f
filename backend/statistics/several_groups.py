"""Whether one number of models differs between groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kinscape.backend.statistics.ranks import ranks

Floats = npt.NDArray[np.float64]
# The smallest p of so many is 0.0001.
PERMUTATIONS = 9999
SEED = 0
# Statistics that differ by rounding alone count as equal.
ROUNDING = 1e-9


@dataclass(frozen=True)
class GroupTest:
    """A permutation test of no difference between groups, by the Kruskal–Wallis statistic.

    Attributes:
        p: share of permutations of the models at least as extreme, the real one included.
        models: how many took part.
    """

    p: float
    models: int


def kruskal_permutation(values: Floats, groups: Sequence[str]) -> GroupTest | None:
    """Whether ranks of models differ between groups more than those of models dealt out at random.

    Source: Kruskal & Wallis 1952, with its permutation distribution instead of χ².

    Args:
        values: ``(models,)`` one number of each independent model, all finite.
        groups: the group of each.

    Returns:
        None where fewer than two groups have two models: then no dealing is unlikely enough.
    """
    names, which = np.unique(np.asarray(groups), return_inverse=True)
    sizes = np.bincount(which)
    if (sizes >= 2).sum() < 2:
        return None
    ranked = ranks(values)
    ranked = ranked - ranked.mean()
    generator = np.random.default_rng(SEED)
    dealt = np.vstack([ranked, generator.permuted(np.tile(ranked, (PERMUTATIONS, 1)), axis=1)])
    member = (which[:, None] == np.arange(len(names))[None]).astype(np.float64)
    between = ((dealt @ member) ** 2 / sizes).sum(1)
    slack = ROUNDING * (1 + abs(between[0]))
    return GroupTest(float((between >= between[0] - slack).mean()), len(values))
