"""A Krylov space of a symmetric operator, by Lanczos with full reorthogonalisation."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import lapack
from torch import Tensor

from kinscape.worker.curvature.vectors import Product
from kinscape.worker.inputs.undefined import Undefined

Numbers = npt.NDArray[np.float64]
# Full reorthogonalisation holds every vector; a run that fills this memory ends.
MOST_BYTES = 2 << 30
# Rounding makes a symmetric product this asymmetric at most.
ASYMMETRY = 1e-3
# Doubled whenever it is full.
ROWS_AT_FIRST = 32


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


class PrecisionLost(Exception):
    """The coordinates of an operator no longer hold enough digits; those of ``with_more_digits`` do."""


class Operator(Protocol):
    """A symmetric operator, in coordinates whose inner product is ``a · image(b)``."""

    start: Tensor

    def image(self, coordinates: Tensor) -> Tensor:
        """Coordinates times the matrix of inner products."""

    def product(self, image: Tensor) -> Tensor:
        """Coordinates of the operator times the vector that has this image."""

    def vector(self, coordinates: Tensor) -> Tensor:
        """What some coordinates stand for."""

    def with_more_digits(self) -> "Operator":
        """The same operator in coordinates that lose none."""


class PlainOperator:
    """A function that multiplies vectors, which are their own coordinates."""

    def __init__(self, product: Product, start: Tensor) -> None:
        self.product, self.start = product, start

    def image(self, coordinates: Tensor) -> Tensor:
        """The same."""
        return coordinates

    def vector(self, coordinates: Tensor) -> Tensor:
        """The same."""
        return coordinates

    def with_more_digits(self) -> "PlainOperator":
        """The same: vectors lose no digits by being themselves."""
        return self


class Krylov:
    """An orthonormal basis that grows by one product at a time, and the operator in it.

    Source: Golub & Van Loan, Matrix Computations, section 10.1; the residual of a Ritz pair is
    the last off-diagonal entry times the last component of its coordinates.

    Args:
        size: dimension of the vectors.

    Attributes:
        asymmetry: largest relative gap between the two ways to one off-diagonal entry; more than
            rounding means that the products are not those of a symmetric matrix.
    """

    def __init__(self, operator: Operator, size: int) -> None:
        self._size = size
        try:
            self._begin(operator)
        except PrecisionLost:
            self._begin(operator.with_more_digits())

    def _begin(self, operator: Operator) -> None:
        self._operator = operator
        start = operator.start
        image = operator.image(start)
        length = (start @ image).sqrt()
        # Where vectors are their own images, one store holds both.
        stores = 1 if image is start else 2
        self._room = max(2, MOST_BYTES // (stores * start.numel() * start.element_size()))
        self._basis = _GrowingRows(start / length, most=self._room + 1)
        self._images = self._basis if stores == 1 else _GrowingRows(image / length, most=self._room + 1)
        self._diagonal: list[float] = []
        self._off: list[float] = []
        self._solved: tuple[Numbers, Numbers] | None = None
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
        small = self._off[-1] <= 1e-7 * max(1e-300, float(np.abs(self._ritz()[0]).max()))
        return small or self.steps >= self._size

    @property
    def is_over(self) -> bool:
        """Whether nothing is left, or there is no room for another vector."""
        return self.steps >= self._room or self.is_exhausted

    def grow(self, steps: int) -> None:
        """Go on until there were this many products, or nothing is left."""
        while self.steps < steps and not self.is_over:
            try:
                self._step()
            except PrecisionLost:
                self._begin(self._operator.with_more_digits())

    def until(self, count: int, *, steps: int, tolerance: float) -> Pairs:
        """The largest eigenpairs from the fewest products that make their relative residuals small.

        A run that is longer already gives the same pairs as one that stops here.
        """
        size = count
        while True:
            self.grow(size)
            size = min(size, self.steps)
            found = self.pairs(count, size)
            done = len(found.values) == min(count, self._size) and max(found.residuals) <= tolerance
            if done or size >= steps or (size == self.steps and self.is_over):
                return found
            size += 1

    def pairs(self, count: int, steps: int) -> Pairs:
        """The largest Ritz pairs of the first products, and the smallest value."""
        values, coordinates = self._ritz(steps)
        sizes = np.abs(values)
        residuals = self._off[steps - 1] * np.abs(coordinates[-1]) / sizes.clip(max(1e-300, 1e-12 * sizes.max()))
        top, theirs = values[::-1][:count].tolist(), residuals[::-1][:count].tolist()
        return Pairs(top, theirs, float(values[0]), float(residuals[0]), steps)

    def vector(self, number: int, steps: int) -> Tensor:
        """The unit Ritz vector of the number-th largest value of the first products, turned towards the start."""
        coordinates = self._ritz(steps)[1][:, -1 - number]
        basis = self._basis.first(steps)
        turned = torch.from_numpy(coordinates * (1 if coordinates[0] >= 0 else -1))
        found = self._operator.vector(turned.to(basis) @ basis)
        return found / found.norm()

    def quadrature(self, steps: int) -> tuple[Tensor, Tensor]:
        """Nodes and weights ``(steps,)`` of the spectral density seen from the start vector, float64.

        A run that ended early has nodes of weight 0 in the rest.
        """
        values, coordinates = self._ritz(steps)
        rest = (0, max(0, steps - len(values)))
        nodes, weights = (torch.from_numpy(np.pad(one, rest)) for one in (values, coordinates[0] ** 2))
        return nodes, weights

    def _step(self) -> None:
        last = self.steps
        images = self._images.first(last + 1)
        w = self._operator.product(images[last])
        own = float(images[last].double() @ w.double())
        if not math.isfinite(own):
            raise Undefined("A product with the matrix of curvatures is not finite.")
        self._diagonal.append(own)
        if last:
            other = float(images[last - 1].double() @ w.double())
            scale = max(abs(self._off[-1]), 1e-2 * max(abs(d) for d in self._diagonal), 1e-30)
            self.asymmetry = max(self.asymmetry, abs(other - self._off[-1]) / scale)
        w, image, beta = self._orthogonal(w, own)
        self._off.append(beta)
        self._basis.add(w / max(beta, 1e-300))
        if self._images is not self._basis:
            self._images.add(image / max(beta, 1e-300))

    def _orthogonal(self, w: Tensor, own: float) -> tuple[Tensor, Tensor, float]:
        """What of a product the basis does not hold yet, its image, and its length.

        The two latest vectors take nearly all that the basis holds of it; a pass over all of them takes
        what rounding left, and a second one only where the first still took much.
        Source: Daniel et al. 1976, for the criterion.
        """
        last = self.steps - 1
        basis, images = self._basis.first(last + 1), self._images.first(last + 1)
        w = torch.sub(w, basis[last], alpha=own)
        if last:
            w.sub_(basis[last - 1], alpha=self._off[-1])
        image, after = w, 0.0
        for _ in range(3):
            taken = images @ w
            w.sub_(taken @ basis)
            image = self._operator.image(w)
            after = float((w.double() @ image.double()).clamp_min(0).sqrt())
            # Of a vector before, what was taken and what is left are two sides of a right angle.
            if after > 0.7 * math.hypot(after, float(taken.double().norm())):
                break
        return w, image, after

    def _ritz(self, steps: int | None = None) -> tuple[Numbers, Numbers]:
        """Eigenvalues of the operator in the basis, ascending, and their coordinates as columns."""
        size = self.steps if steps is None else min(steps, self.steps)
        if self._solved is None or len(self._solved[0]) != size:
            values, coordinates, failed = lapack.dstevd(self._diagonal[:size], self._off[: max(1, size - 1)])
            if failed:
                raise Undefined("The eigenvalues of the run did not converge.")
            self._solved = values, coordinates
        return self._solved


class _GrowingRows:
    """Vectors in one block of memory that grows, twice as large each time but never above ``most``."""

    def __init__(self, one: Tensor, *, most: int) -> None:
        self._most = most
        self._block = one.new_empty(min(ROWS_AT_FIRST, most), one.numel())
        self._block[0] = one
        self._count = 1

    def first(self, count: int) -> Tensor:
        """The first vectors, ``(count, size)``."""
        return self._block[:count]

    def add(self, one: Tensor) -> None:
        """Append a vector."""
        if self._count == len(self._block):
            grown = self._block.new_empty(min(2 * self._count, self._most), self._block.shape[1])
            grown[: self._count] = self._block
            self._block = grown
        self._block[self._count] = one
        self._count += 1
