"""The best rotation of one layer onto another, and how it moves when samples leave."""

from collections.abc import Sequence

import torch
from torch import Tensor

from worker.measures.representational.gram import centred


def unit_frobenius(features: Tensor, **_: object) -> Tensor:
    """Centred features of Frobenius norm 1."""
    x = centred(features)
    return x / x.norm()


def unit_centred(features: Tensor, **_: object) -> Tensor:
    """Centred features of Frobenius norm 1, rotated to at most ``samples`` columns."""
    x = unit_frobenius(features)
    if x.shape[1] > x.shape[0]:
        u, s, _vh = torch.linalg.svd(x, full_matrices=False)
        x = u * s
    return x


def nuclear_norm(x: Tensor, y: Tensor, groups: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Nuclear norm of XᵀY for unit-norm X, Y, and without each group ``(groups,)`` to first order.

    The gradient of the nuclear norm is UVᵀ, so one sample adds xᵢᵀUVᵀyᵢ to it; what is left is
    divided by the norms that are left.
    """
    product = x.T @ y
    if not groups:
        return torch.linalg.svdvals(product).sum(), torch.empty(0, dtype=x.dtype)
    u, s, vh = torch.linalg.svd(product, full_matrices=False)
    share = ((x @ u) * (y @ vh.T)).sum(1)
    own_x, own_y = x.square().sum(1), y.square().sum(1)
    without = []
    for group in groups:
        rows = group.to(x.device)
        norms = (1 - own_x[rows].sum()) * (1 - own_y[rows].sum())
        without.append((s.sum() - share[rows].sum()) / norms.clamp_min(1e-300).sqrt())
    return s.sum(), torch.stack(without)
