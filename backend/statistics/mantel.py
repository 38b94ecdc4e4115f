"""Whether two matrices of pairs tell the same, by permuting models."""

from collections.abc import Sequence

import numpy as np

from kinscape.backend.statistics.ranks import Floats, benjamini_yekutieli, ranks

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
    # The values of one pair lie side by side, so that a shuffle reads each place once for all matrices.
    squares = np.zeros((models, models, count))
    squares[over] = flat.T
    squares += squares.transpose(1, 0, 2)
    by_pair = squares.reshape(-1, count)
    generator = np.random.default_rng(SEED)
    extreme = np.zeros((count, count))
    shuffled = np.empty((len(over[0]), count))
    for _ in range(PERMUTATIONS):
        order = generator.permutation(models)
        # Written in place and without a check of every index: a tenth of the time of `by_pair[...]`.
        np.take(by_pair, order[over[0]] * models + order[over[1]], axis=0, out=shuffled, mode="clip")
        extreme += np.abs(shuffled.T @ flat.T) >= np.abs(real) - 1e-12
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
