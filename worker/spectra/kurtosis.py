"""Kurtosis of weights, and of the kurtoses of layers."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.spectra.layers import every_matrix

MATRICES = "matrices"
OVER = Parameter(
    name="over",
    default=MATRICES,
    choices=(MATRICES, "all tensors"),
    help="Whether biases and norms have a kurtosis too, as in the published numbers.",
)


def counted(weights: Weights, *, over: str) -> dict[str, Tensor]:
    """The tensors whose kurtoses count, float64."""
    if over == MATRICES:
        return every_matrix(weights)
    return {name: w.double() for name, w in weights.items() if w.is_floating_point() and w.numel() > 1}


def kurtosis_of(values: Tensor) -> float | None:
    """Fourth moment over the squared variance of a tensor; None for a constant one."""
    centred = (values - values.mean()).flatten()
    variance = float(centred.square().mean())
    return float(centred.pow(4).mean()) / variance**2 if variance > 0 else None


# The kurtosis of any two numbers is 1.
FEWEST_LAYERS = 3


def kurtosis_over_layers(weights: dict[str, Tensor]) -> tuple[float, dict[str, float | None]]:
    """The kurtosis of the tensors' kurtoses, and those kurtoses by name."""
    each = {n: kurtosis_of(w) for n, w in weights.items()}
    known = [v for v in each.values() if v is not None]
    if len(known) < FEWEST_LAYERS:
        raise Undefined(f"It needs three tensors whose weights are not all equal; there are {len(known)}.")
    found = kurtosis_of(torch.tensor(known, dtype=torch.float64))
    if found is None:
        raise Undefined("All tensors have the same kurtosis.")
    return found, each
