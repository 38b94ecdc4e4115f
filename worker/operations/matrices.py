"""Which tensors an operation changes."""

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights, is_parameter_name


def matrix_names(weights: Weights) -> list[str]:
    """Names of trained tensors with two or more dimensions: the same that measures of spectra and pruning read.

    Raises:
        Undefined: there are none.
    """
    found = [
        n for n, w in weights.items() if is_parameter_name(n) and w.is_floating_point() and w.ndim >= 2 and w.numel()
    ]
    if not found:
        raise Undefined("There are no matrices among the weights.")
    return found


def of_layers(weights: Weights, layers: list[str]) -> list[str]:
    """Names of the tensors that belong to some layers, those inside them included.

    Raises:
        Undefined: a layer has no weights; the sentence names those that have.
    """
    owners = list(dict.fromkeys(n.rpartition(".")[0] or n for n in weights))
    found: list[str] = []
    for layer in layers:
        own = [n for n in weights if n == layer or n.startswith(f"{layer}.")]
        if not own:
            raise Undefined(f"There is no layer {layer!r} with weights; there are {', '.join(owners[:20])}.")
        found += own
    return list(dict.fromkeys(found))


def checked_alike(one: Weights, two: Weights) -> None:
    """Refuse two sets of weights of different architectures.

    Raises:
        Undefined: names or shapes differ; the sentence names the first.
    """
    for name in [*one, *(n for n in two if n not in one)]:
        if name not in one or name not in two or one[name].shape != two[name].shape:
            raise Undefined(f"These checkpoints have different architectures: {name} is not the same in both.")


def like(values: Tensor, original: Tensor) -> Tensor:
    """Numbers in the type and layout of the tensor that they replace."""
    return values.to(original.dtype).contiguous() if original.dtype != torch.bool else original
