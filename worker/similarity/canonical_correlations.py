"""Orthonormal bases of what layers see, and the canonical correlations between two of them."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.threads import side_by_side
from kinscape.worker.similarity.kernels import centred
from kinscape.worker.similarity.rotation import singular_values

# Singular values of rounding errors end near √samples + √width times the error of one value; a direction must exceed
# that so many times.
ABOVE_ROUNDING = 4


def basis(features: Tensor, *, variance: float = 1.0, **_: object) -> Tensor:
    """Orthonormal basis ``(samples, rank)`` of the centred features.

    Args:
        variance: keep the fewest principal components that hold this share of the variance.
    """
    return orthonormal(centred(features), like=features, variance=variance)


def orthonormal(x: Tensor, *, like: Tensor, variance: float = 1.0) -> Tensor:
    """Orthonormal basis ``(samples, rank)`` of the columns as they are.

    Which directions are more than rounding is told in units of rounding: every value of a column carries an error of
    half a unit in the last place of what was stored, mean included, and columns divided by it carry errors of one size.
    The largest singular value of such errors is about √samples + √width (Rudelson & Vershynin 2010, proposition 2.4).
    Dividing columns leaves the space that they span.

    Args:
        like: the features in the precision they came in, mean included.

    Raises:
        Undefined: nothing in them is more than rounding.
    """
    n, width = x.shape
    eps = torch.finfo(like.dtype if like.dtype == torch.float32 else torch.float64).eps
    stored = like.to(torch.float64) / like.abs().max().to(torch.float64)
    rounding = eps / 2 * stored.square().mean(0).sqrt()
    edge = ABOVE_ROUNDING * (n**0.5 + width**0.5)
    if variance >= 1:
        y = x[:, rounding > 0] / rounding[rounding > 0]
        if 0 < y.shape[1] < n:
            q, r = torch.linalg.qr(y)
            s = torch.linalg.svdvals(r)
            if float(s[-1]) > max(edge, _of_arithmetic(s, n)):
                return q
        u, s, _vh = torch.linalg.svd(y, full_matrices=False)
        rank = int((s > max(edge, _of_arithmetic(s, n))).sum()) if len(s) else 0
    else:
        u, s, _vh = torch.linalg.svd(x, full_matrices=False)
        rank = int((s > max(edge * float(rounding.max()), _of_arithmetic(s, n))).sum())
        share = s.square().cumsum(0) / s.square().sum()
        rank = min(rank, int((share < variance - 1e-12).sum()) + 1)
    if not rank:
        raise Undefined(
            "The features vary less than their rounding: their means are too large for this precision. Record them as "
            "float64, or without their means."
        )
    return u[:, :rank]


def _of_arithmetic(s: Tensor, samples: int) -> float:
    """Below this, a singular value is an error of the decomposition in float64."""
    return float(s[0]) * max(samples, len(s)) * torch.finfo(torch.float64).eps if len(s) else 0.0


def room_for_correlations(a: Tensor, b: Tensor) -> None:
    """Refuse two spaces so large that some direction is shared whatever they see.

    Args:
        a, b: bases ``(samples, rank)`` of centred features, which have samples - 1 dimensions.
    """
    if a.shape[1] + b.shape[1] > len(a) - 1:
        raise Undefined(
            f"{a.shape[1]} and {b.shape[1]} dimensions share directions in {len(a)} samples whatever they see; "
            "more samples than both together are needed."
        )


def canonical_correlations(a: Tensor, b: Tensor) -> Tensor:
    """Canonical correlations of two bases, largest first, rounding above 1 cut."""
    return singular_values(a.T @ b).clamp_max(1)


def over_pairs(
    batch: Features, prepare: Callable[[Tensor], Tensor], of_pair: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
) -> PairResults:
    """Values and first-order replicates of every pair of prepared items.

    Args:
        of_pair: the value, and ``(groups,)`` values without each group.
    """
    prepared = [prepare(x) for x in batch.items]

    def value_and_replicates(i: int, j: int) -> tuple[Tensor, Tensor]:
        try:
            return of_pair(prepared[i], prepared[j])
        except Undefined:
            nothing = torch.full((len(batch.groups),), torch.nan, dtype=torch.float64)
            return torch.tensor(torch.nan, dtype=torch.float64), nothing

    tasks = [partial(value_and_replicates, i, j) for i, j in batch.pairs.tolist()]
    values, replicates = zip(*side_by_side(tasks, device=batch.items[0].device), strict=True)
    return PairResults(torch.stack(values), torch.stack(replicates, 1) if batch.groups else None)
