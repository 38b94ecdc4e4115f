"""Kurtosis of weights, and of the kurtoses of layers."""

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined


def kurtosis_of(values: Tensor) -> float | None:
    """Fourth moment over the squared variance of a tensor; None for a constant one."""
    centred = (values - values.mean()).flatten()
    variance = float(centred.square().mean())
    return float(centred.pow(4).mean()) / variance**2 if variance > 0 else None


# The kurtosis of any two numbers is 1.
FEWEST_LAYERS = 3


def kurtosis_over_layers(weights: dict[str, Tensor]) -> tuple[float, dict[str, float | None]]:
    """The kurtosis of the matrices' kurtoses, and those kurtoses by name."""
    each = {n: kurtosis_of(w) for n, w in weights.items()}
    known = [v for v in each.values() if v is not None]
    if len(known) < FEWEST_LAYERS:
        raise Undefined(f"It needs three matrices whose weights are not all equal; there are {len(known)}.")
    found = kurtosis_of(torch.tensor(known, dtype=torch.float64))
    if found is None:
        raise Undefined("All matrices have the same kurtosis.")
    return found, each
