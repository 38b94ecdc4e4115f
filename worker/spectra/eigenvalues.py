"""Squared singular values of weight matrices, found once for all measures that read them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.linalg import blas
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.spectra.power_law import PowerLaw, fit_power_law

# Eigenvalues of a Gram matrix below this share of the largest are rounding.
ROUNDING = 1e-10


@dataclass(frozen=True)
class Spectrum:
    """The squared singular values of one layer.

    A kernel ``(out, in, height, width)`` counts as one matrix ``(out, in)`` per position, whose values
    are pooled.

    Attributes:
        energies: ascending, float64.
        ratio: longer side of a matrix over the shorter.
    """

    energies: Tensor
    ratio: float

    @cached_property
    def largest(self) -> float:
        """The largest squared singular value."""
        return float(self.energies[-1])

    @cached_property
    def total(self) -> float:
        """The squared Frobenius norm."""
        return float(self.energies.sum())

    @cached_property
    def above_rounding(self) -> Tensor:
        """The values that are not rounding, ascending."""
        return self.energies[int((self.energies <= ROUNDING * self.largest).sum()) :]

    @cached_property
    def law(self) -> PowerLaw | None:
        """The power law of its tail, fitted once for all measures that ask; None where there are too few values."""
        return fit_power_law(self.above_rounding)


def spectra(weights: Weights, **_: object) -> dict[str, Spectrum]:
    """The spectrum of every layer's weight with two dimensions or more, by name in stored order.

    Tensors that are not a layer's weight, such as embeddings of positions, are left out.
    """
    every = {n: w.detach() for n, w in weights.items() if w.is_floating_point() and w.ndim >= 2 and w.numel()}
    chosen = {n: w for n, w in every.items() if _is_of_a_layer(n)} or every
    if not chosen:
        raise Undefined("There are no matrices among the weights.")
    for name, weight in chosen.items():
        # A sum is finite only when every value is: one pass for the many that are.
        if not bool(weight.sum().isfinite()) and not bool(weight.isfinite().all()):
            raise Undefined(f"{name} has weights that are NaN or infinite.")
    return {name: spectrum_of(w) for name, w in chosen.items()}


def _is_of_a_layer(name: str) -> bool:
    """Whether a tensor is called as layers call their matrices: weight, weight_ih_l0, in_proj_weight, kernel."""
    last = name.rsplit(".", 1)[-1]
    return "weight" in last or last == "kernel"


def spectrum_of(weight: Tensor) -> Spectrum:
    """The spectrum of a matrix ``(out, in)`` or a kernel ``(out, in, ...)``.

    Positions of a kernel go through one batched eigenproblem of their smaller Gram matrices in
    float64, which keeps squared singular values to 1e-15 of the largest.
    """
    matrices = weight.to(torch.float64).flatten(2).movedim(2, 0) if weight.ndim > 2 else weight.double()[None]
    rows, columns = matrices.shape[1:]
    found = _eigenvalues if matrices.device.type == "cpu" else _eigenvalues_on_card
    energies = found(matrices).clamp_min_(0).flatten()
    # Those of one matrix come in order.
    return Spectrum(energies if len(matrices) == 1 else energies.sort().values, max(rows, columns) / min(rows, columns))


def _eigenvalues(matrices: Tensor) -> Tensor:
    """Squared singular values ``(matrices, smaller side)``: half of each Gram matrix is enough."""
    rows, columns = matrices.shape[1:]
    halves = np.empty((len(matrices), min(rows, columns), min(rows, columns)))
    for half, matrix in zip(halves, matrices.contiguous().numpy(), strict=True):
        # Transposes are in the order of BLAS as they stand, so nothing is copied.
        blas.dsyrk(1.0, matrix.T, c=half.T, trans=rows <= columns, overwrite_c=True)
    _check_squares(torch.from_numpy(halves))
    return torch.from_numpy(np.linalg.eigvalsh(halves, UPLO="L"))


def _eigenvalues_on_card(matrices: Tensor) -> Tensor:
    rows, columns = matrices.shape[1:]
    gram = matrices @ matrices.mT if rows <= columns else matrices.mT @ matrices
    _check_squares(gram)
    return torch.linalg.eigvalsh(gram).cpu()


def _check_squares(gram: Tensor) -> None:
    if not bool(gram.diagonal(dim1=-2, dim2=-1).isfinite().all()):
        raise Undefined("Its weights are so large that their squares are beyond what a float64 can hold.")


def alpha_of(spectrum: Spectrum) -> float | None:
    """Exponent of the best power law; None for fewer than 20 eigenvalues."""
    return None if spectrum.law is None else spectrum.law.alpha
