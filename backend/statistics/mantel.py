"""Whether two matrices of pairs tell the same, by permuting models."""

import math
from collections.abc import Sequence

import numpy as np

from kinscape.backend.statistics.ranks import VALUES_AT_ONCE, Floats, benjamini_yekutieli, ranks

# The smallest p of so many is 0.0005.
PERMUTATIONS = 2000
SEED = 0


def mantel(matrices: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """Spearman's ρ of the pairs of every two matrices, with p and adjusted p.

    A matrix's models are shuffled, not its pairs: pairs that share a model are not independent.

    Args:
        matrices: symmetric ``(models, models)``, complete.

    Returns:
        Three ``(matrices, matrices)``: ρ, two-sided p, and Benjamini–Yekutieli adjusted p.

    Source: Mantel 1967, on ranks.
    """
    count, models = len(matrices), len(matrices[0])
    over = np.triu_indices(models, 1)
    flat = np.stack([_standard(ranks(m[over])) for m in matrices])
    real = flat @ flat.T
    generator = np.random.default_rng(SEED)
    orders = np.stack([generator.permutation(models) for _ in range(PERMUTATIONS)])
    at_once = max(1, VALUES_AT_ONCE // max(1, flat.shape[1]))
    extreme = np.zeros((count, count))
    for part in np.array_split(orders, math.ceil(PERMUTATIONS / at_once)):
        where = part[:, over[0]], part[:, over[1]]
        for k in range(count):
            square = np.zeros((models, models))
            square[over] = flat[k]
            square += square.T
            extreme[k] += (np.abs(square[where] @ flat.T) >= np.abs(real[k]) - 1e-12).sum(0)
    p = (1 + extreme) / (1 + PERMUTATIONS)
    # Either side may be shuffled: both orders are averaged.
    p = (p + p.T) / 2
    np.fill_diagonal(p, np.nan)
    upper = np.triu_indices(count, 1)
    q = np.full((count, count), np.nan)
    q[upper] = benjamini_yekutieli(p[upper])
    q.T[upper] = q[upper]
    return real, p, q


def _standard(values: Floats) -> Floats:
    values = values - values.mean()
    size = float(np.sqrt((values**2).sum()))
    return values / size if size > 1e-12 else np.zeros_like(values)
