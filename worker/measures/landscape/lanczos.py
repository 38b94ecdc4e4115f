"""A Krylov space of a symmetric operator, by Lanczos with full reorthogonalisation."""

import math
from dataclasses import dataclass

import torch
from scipy import linalg
from torch import Tensor

from worker.measures.inputs import Undefined
from worker.measures.landscape.vectors import Product

MOST_BYTES = 2 << 30
ASYMMETRY = 1e-3


@dataclass(frozen=True)
class Pairs:
    """Outer eigenpairs of an operator.

    Attributes:
        values: the largest first.
        residuals: norm of ``A v - λ v`` divided by ``|λ|`` of each.
        smallest: smallest Ritz value, an upper bound of the smallest eigenvalue.
        smallest_residual: the same for it.
        steps: products that they took.
    """

    values: list[float]
    residuals: list[float]
    smallest: float
    smallest_residual: float
    steps: int


class Krylov:
    """An orthonormal basis that grows by one product at a time, and the operator in it.

    Source: Golub & Van Loan, Matrix Computations, section 10.1; the residual of a Ritz pair is
    the last off-diagonal entry times the last component of its coordinates.

    Attributes:
        asymmetry: largest relative gap between the two ways to one off-diagonal entry; more than
            rounding means that the products are not those of a symmetric matrix.
    """

    def __init__(self, product: Product, start: Tensor) -> None:
        self._product = product
        self._basis = start.new_empty(8, start.numel())
        self._basis[0] = start / start.norm()
        self._diagonal: list[float] = []
        self._off: list[float] = []
        self._room = max(2, MOST_BYTES // (start.numel() * start.element_size()))
        self._solved: tuple[Tensor, Tensor] | None = None
        self.asymmetry = 0.0

    @property
    def steps(self) -> int:
        """Products so far."""
        return len(self._diagonal)

    @property
    def is_exhausted(self) -> bool:
        """Whether no further product would add anything."""
        if not self.steps:
            return False
        small = self._off[-1] <= 1e-7 * max(1e-300, float(self._ritz()[0].abs().max()))
        return small or self.steps >= self._basis.shape[1]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left, or there is no room for another vector."""
        return self.steps >= self._room or self.is_exhausted

    def grow(self, steps: int) -> None:
        """Go on until there were this many products, or nothing is left."""
        while self.steps < steps and not self.is_over:
            self._step()

    def until(self, count: int, *, steps: int, tolerance: float) -> Pairs:
        """The largest eigenpairs from the fewest products that make their relative residuals small.

        A run that is longer already gives the same pairs as one that stops here.
        """
        size = count
        while True:
            self.grow(size)
            size = min(size, self.steps)
            found = self.pairs(count, size)
            done = len(found.values) == min(count, self._basis.shape[1]) and max(found.residuals) <= tolerance
            if done or size >= steps or (size == self.steps and self.is_over):
                return found
            size += 1

    def pairs(self, count: int, steps: int) -> Pairs:
        """The largest Ritz pairs of the first products, and the smallest value."""
        values, coordinates = self._ritz(steps)
        residuals = self._off[steps - 1] * coordinates[-1].abs() / self._scale(values)
        top = values.flip(0)[:count].tolist()
        return Pairs(top, residuals.flip(0)[:count].tolist(), float(values[0]), float(residuals[0]), steps)

    def vector(self, number: int, steps: int) -> Tensor:
        """The unit Ritz vector of the number-th largest value of the first products, turned towards the start."""
        coordinates = self._ritz(steps)[1][:, -1 - number]
        basis = self._basis[:steps]
        found = (coordinates * (1 if float(coordinates[0]) >= 0 else -1)).to(basis) @ basis
        return found / found.norm()

    def quadrature(self, steps: int) -> tuple[Tensor, Tensor]:
        """Nodes and weights ``(steps,)`` of the spectral density seen from the start vector, float64.

        A run that ended early has nodes of weight 0 in the rest.
        """
        values, coordinates = self._ritz(steps)
        rest = (0, max(0, steps - len(values)))
        return torch.nn.functional.pad(values, rest), torch.nn.functional.pad(coordinates[0].square(), rest)

    def _step(self) -> None:
        last = self.steps
        basis = self._basis[: last + 1]
        w = self._product(basis[last])
        own = float(basis[last].double() @ w.double())
        if not math.isfinite(own):
            raise Undefined("A product with the matrix of curvatures is not finite.")
        self._diagonal.append(own)
        if last:
            other = float(basis[last - 1].double() @ w.double())
            scale = max(abs(self._off[-1]), 1e-2 * max(abs(d) for d in self._diagonal), 1e-30)
            self.asymmetry = max(self.asymmetry, abs(other - self._off[-1]) / scale)
        w, beta = self._orthogonal(w, self._diagonal[-1])
        self._off.append(beta)
        if last + 1 == len(self._basis):
            size = min(2 * len(self._basis), self._room + 1)
            grown = self._basis.new_empty(max(size, last + 2), self._basis.shape[1])
            grown[: last + 1] = self._basis
            self._basis = grown
        self._basis[last + 1] = w / max(beta, 1e-300)

    def _orthogonal(self, w: Tensor, own: float) -> tuple[Tensor, float]:
        """What of a product the basis does not hold yet, and its length.

        The two latest vectors take nearly all that the basis holds of it; a pass over all of them takes
        what rounding left, and a second one only where the first still took much.
        Source: Daniel et al. 1976, for the criterion.
        """
        last = self.steps - 1
        basis = self._basis[: last + 1]
        w = torch.sub(w, basis[last], alpha=own)
        if last:
            w.sub_(basis[last - 1], alpha=self._off[-1])
        before, after = 0.0, float(w.double().norm())
        for _ in range(3):
            before = after
            w.sub_((basis @ w) @ basis)
            after = float(w.double().norm())
            if after > 0.7 * before:
                break
        return w, after

    def _ritz(self, steps: int | None = None) -> tuple[Tensor, Tensor]:
        size = self.steps if steps is None else min(steps, self.steps)
        if self._solved is not None and len(self._solved[0]) == size:
            return self._solved
        values, coordinates = linalg.eigh_tridiagonal(self._diagonal[:size], self._off[: size - 1])
        self._solved = torch.from_numpy(values), torch.from_numpy(coordinates)
        return self._solved

    def _scale(self, values: Tensor) -> Tensor:
        return values.abs().clamp_min(max(1e-300, 1e-12 * float(values.abs().max())))
