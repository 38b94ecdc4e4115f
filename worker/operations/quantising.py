"""Weights rounded to few values."""

from torch import Tensor

from kinscape.worker.inputs.weights import Weights
from kinscape.worker.operations.matrices import like, matrix_names

# A channel of zeros has no scale.
SMALLEST = 1e-12


def quantised(weights: Weights, *, bits: int, per_tensor: bool) -> dict[str, Tensor]:
    """Weights whose matrices hold at most 2^bits - 1 values: symmetric, round to nearest, written back as floats.

    Source: Jacob et al. 2018, section 2.1, without an offset.

    Args:
        bits: 2 … 16.
        per_tensor: whether a matrix has one scale; else each of its output channels has its own.
    """
    top = 2 ** (bits - 1) - 1
    out = dict(weights)
    for name in matrix_names(weights):
        w = weights[name].detach()
        # In the precision of the file where that is float32 or more: halves could not hold the scale.
        wide = w if w.element_size() >= 4 else w.float()
        largest = wide.abs().amax() if per_tensor else wide.abs().flatten(1).amax(1)
        scale = largest.clamp_min(SMALLEST).view(-1, *[1] * (w.ndim - 1)) / top
        out[name] = like((wide / scale).round().clamp(-top, top) * scale, w)
    return out
