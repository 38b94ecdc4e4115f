"""The outer eigenvalues of a symmetric operator, by Lanczos with full reorthogonalisation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from worker.measures.landscape.curvature import Product


@dataclass(frozen=True)
class Extremes:
    """Largest and smallest eigenvalue found.

    Attributes:
        largest: algebraically.
        smallest: smallest Ritz value, an upper bound of the smallest eigenvalue.
        vector: unit eigenvector of the largest.
        residual: norm of ``A v - λ v`` divided by ``|λ|``.
        steps: products that were used.
    """

    largest: float
    smallest: float
    vector: Tensor
    residual: float
    steps: int


def extremes(product: Product, start: Tensor, *, steps: int, tolerance: float) -> Extremes:
    """Run Lanczos from a start vector until the largest eigenpair's residual is small.

    Source: Golub & Van Loan, Matrix Computations, section 10.1; the residual of a Ritz pair is
    the last off-diagonal entry times the last component of its coordinates.
    """
    q = start / start.norm()
    basis: list[Tensor] = [q]
    diagonal: list[float] = []
    off: list[float] = []
    limit = min(steps, start.numel())
    for step in range(1, limit + 1):
        w = product(basis[-1])
        diagonal.append(float(basis[-1].double() @ w.double()))
        known = torch.stack(basis)
        for _ in range(2):
            w = w - known.T @ (known @ w)
        beta = float(w.double().norm())
        values, coordinates = torch.linalg.eigh(_tridiagonal(diagonal, off))
        top = float(values[-1])
        residual = beta * abs(float(coordinates[-1, -1]))
        scale = max(abs(top), 1e-12 * max(1.0, float(values.abs().max())))
        exhausted = beta <= 1e-7 * max(1e-30, float(values.abs().max()))
        if residual <= tolerance * scale or exhausted or step == limit:
            vector = known.T @ coordinates[:, -1].to(known.dtype)
            return Extremes(top, float(values[0]), vector / vector.norm(), residual / scale, step)
        off.append(beta)
        basis.append(w / beta)
    raise AssertionError("unreachable: the loop returns at its last step")


def _tridiagonal(diagonal: list[float], off: list[float]) -> Tensor:
    main = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    side = torch.tensor(off, dtype=torch.float64)
    return main + torch.diag(side, 1) + torch.diag(side, -1)
