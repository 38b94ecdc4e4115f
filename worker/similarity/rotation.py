"""The best rotation of one layer onto another, and how it moves when samples leave."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinscape.worker.numerics.gram_product import eigenvalues, products_of_rows
from kinscape.worker.similarity.kernels import centred

SAFE = 1e-10  # ratio of eigenvalues of MᵀM from which their roots are good to 1e-11 of the largest


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


def singular_values(matrix: Tensor) -> Tensor:
    """Singular values; through the eigenvalues of MᵀM, twice as fast, where that loses no digits."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    squares = eigenvalues(products_of_rows(tall.T))
    if bool(squares[0] > SAFE * squares[-1]):
        return squares.sqrt().flip(0)
    return torch.linalg.svdvals(matrix)


def polar(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Singular values, and the rotation UVᵀ of M = USVᵀ (the nearest matrix with orthonormal columns or rows)."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    squares, v = torch.linalg.eigh(products_of_rows(tall.T))
    if bool(squares[0] > SAFE * squares[-1]):
        values = squares.sqrt()
        rotation = tall @ ((v / values) @ v.T)
        return values.flip(0), rotation if tall is matrix else rotation.T
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    return s, u @ vh


def nuclear_norm(x: Tensor, y: Tensor, groups: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Nuclear norm of XᵀY for unit-norm X, Y, and without each group ``(groups,)`` to first order.

    The gradient of the nuclear norm is UVᵀ, so one sample adds xᵢᵀUVᵀyᵢ to it; what is left is
    divided by the norms that are left.
    """
    product = x.T @ y
    if not groups:
        return singular_values(product).sum(), product.new_empty(0)
    values, rotation = polar(product)
    share = ((x @ rotation) * y).sum(1)
    own_x, own_y = x.square().sum(1), y.square().sum(1)
    without = []
    for group in groups:
        rows = group.to(x.device)
        norms = (1 - own_x[rows].sum()) * (1 - own_y[rows].sum())
        without.append((values.sum() - share[rows].sum()) / norms.clamp_min(1e-300).sqrt())
    return values.sum(), torch.stack(without)
