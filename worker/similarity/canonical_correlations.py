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


def basis(features: Tensor, *, variance: float = 1.0, **_: object) -> Tensor:
    """Orthonormal basis ``(samples, rank)`` of the centred features.

    Args:
        variance: keep the fewest principal components that hold this share of the variance.
    """
    shift = features.to(torch.float64).mean(0).norm() / features.to(torch.float64).std(0, correction=0).norm()
    return orthonormal(centred(features), like=features, variance=variance, uncentred=1 + float(shift))


def orthonormal(x: Tensor, *, like: Tensor, variance: float = 1.0, uncentred: float = 1.0) -> Tensor:
    """Orthonormal basis ``(samples, rank)`` of the columns as they are.

    Args:
        like: the features in the precision they came in, whose rounding is no direction.
        uncentred: how much larger they were before their mean was removed.
    """
    n, width = x.shape
    eps = torch.finfo(like.dtype if like.dtype == torch.float32 else torch.float64).eps
    smallest = max(n, width) * eps * uncentred
    if variance >= 1 and width < n:
        q, r = torch.linalg.qr(x)
        s = torch.linalg.svdvals(r)
        if bool(s[-1] > s[0] * smallest):
            return q
    u, s, _vh = torch.linalg.svd(x, full_matrices=False)
    rank = int((s > s[0] * smallest).sum())
    if variance < 1:
        share = s.square().cumsum(0) / s.square().sum()
        rank = min(rank, int((share < variance - 1e-12).sum()) + 1)
    return u[:, :rank]


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
