"""What the weights of one network are like, matrix by matrix."""

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.spectra.flat_weights import matrices

Given = TypeVar("Given")


def every_matrix(weights: Weights, **_: object) -> dict[str, Tensor]:
    """Weight matrices ``(out, everything else)`` by name, in the order in which they are stored, float64."""
    found = matrices(weights)
    return {name: found[name] for name in weights if name in found}


def by_layer(weights: dict[str, Given], number: Callable[[Given], float | None]) -> Measurement:
    """The mean of a number over layers, with the table of them.

    Args:
        number: of one matrix; None where it does not exist.
    """
    values = {name: number(w) for name, w in weights.items()}
    known = [v for v in values.values() if v is not None]
    if not known:
        raise Undefined("None of the matrices has this number.")
    left_out = len(values) - len(known)
    warning = f"{left_out} of {len(values)} matrices have no such number and are left out." if left_out else ""
    return Measurement(sum(known) / len(known), series=profile(values), warning=warning)


def profile(values: dict[str, float | None]) -> dict[str, list[float | str | None]]:
    """A number per tensor as two columns."""
    return {"layer": [layer_name(n) for n in values], "value": list(values.values())}


def layer_name(tensor: str) -> str:
    """The name of the layer that owns a tensor."""
    return tensor.removesuffix(".weight")
