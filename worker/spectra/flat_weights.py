"""Trained parameters as one vector, or as matrices."""

from typing import NamedTuple

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights, is_parameter_name


class Flat(NamedTuple):
    """All chosen parameters ``(parameters,)`` in float64, with names and shapes."""

    values: Tensor
    names: tuple[tuple[str, tuple[int, ...]], ...]


def flat(weights: Weights, *, tensors: str) -> Flat:
    """Trained parameters in the order of their names.

    Args:
        tensors: ``all``, or ``matrices`` for those with two or more dimensions.
    """
    least = 2 if tensors == "matrices" else 0
    names = sorted(
        n
        for n, w in weights.items()
        if is_parameter_name(n) and w.is_floating_point() and w.ndim >= least and w.numel()
    )
    if not names:
        raise Undefined("There are no trained parameters to compare.")
    values = torch.cat([weights[n].detach().to(torch.float64).flatten() for n in names])
    bad = int(values.numel() - values.isfinite().sum())
    if bad:
        raise Undefined(f"{bad} of {values.numel()} weights are NaN or infinite.")
    return Flat(values, tuple((n, tuple(weights[n].shape)) for n in names))


def matrices(weights: Weights) -> dict[str, Tensor]:
    """Weights with two or more dimensions as matrices ``(out, everything else)``, float64."""
    found = {
        n: w.detach().to(torch.float64).flatten(1)
        for n, w in sorted(weights.items())
        if is_parameter_name(n) and w.is_floating_point() and w.ndim >= 2 and w.numel()
    }
    if not found:
        raise Undefined("There are no matrices among the weights.")
    for name, w in found.items():
        if not bool(w.isfinite().all()):
            raise Undefined(f"{name} has weights that are NaN or infinite.")
    return found


def check_alike(a: Flat, b: Flat) -> None:
    """Refuse weights of different architectures."""
    if a.names != b.names:
        raise Undefined("Not comparable: different architectures.")
