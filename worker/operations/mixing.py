"""Weights between and from those of several checkpoints."""

from collections.abc import Sequence

from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.operations.matrices import checked_alike, like, of_layers


def averaged(several: Sequence[Weights], shares: Sequence[float]) -> dict[str, Tensor]:
    """A weighted sum of checkpoints of one architecture; running statistics too, counts from the first.

    Source: Izmailov et al. 2018; Wortsman et al. 2022 (uniform soups).

    Raises:
        Undefined: their architectures differ.
    """
    first = several[0]
    for other in several[1:]:
        checked_alike(first, other)
    out = {}
    for name, w in first.items():
        if not w.is_floating_point():
            out[name] = w
            continue
        total = sum(share * of[name].detach().double() for share, of in zip(shares, several, strict=True))
        if not isinstance(total, Tensor):
            raise Undefined("There is nothing to average.")
        out[name] = like(total, w)
    return out


def with_layers_of(weights: Weights, other: Weights, layers: list[str]) -> dict[str, Tensor]:
    """Weights with some layers, running statistics included, taken from another checkpoint.

    Source: Zhang et al. 2022, are all layers created equal.

    Raises:
        Undefined: the architectures differ, or there is no such layer.
    """
    checked_alike(weights, other)
    chosen = of_layers(weights, layers)
    return {name: other[name] if name in chosen else w for name, w in weights.items()}
