"""From what a caller has (tensors, arrays, state dicts, modules) to what a measure is given."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from kinscape.backend.contracts.problems import Unprocessable
from kinscape.backend.contracts.recordings import OutputKind
from kinscape.networks import unwrapped
from kinscape.worker.evaluation.cells import finite
from kinscape.worker.inputs.binary import is_one_logit, two_logits
from kinscape.worker.inputs.effective import effective, effective_of
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.outputs import Outputs, are_probabilities
from kinscape.worker.inputs.undefined import Undefined

Array = Tensor | npt.NDArray[Any] | Sequence[Any]
# Parts of names that nn.DataParallel and torch.compile put there.
WRAPPERS = ("module", "_orig_mod")
Kind = Literal["logits", "probabilities"]


def tensor(value: Any) -> Tensor:
    """A real, dense tensor of numbers, detached."""
    try:
        found = value if isinstance(value, Tensor) else torch.from_numpy(np.array(value, order="C"))
    except (TypeError, ValueError) as error:
        raise Unprocessable(f"This is not an array of numbers: {str(error)[:120]}.") from error
    if found.is_complex():
        raise Unprocessable("Complex numbers cannot be compared; take their real part or absolute value first.")
    if found.is_meta:
        raise Unprocessable("These tensors are on the meta device, where they have no values: load them first.")
    return (found if found.layout == torch.strided else found.to_dense()).detach()


def labels_of(value: Array | None) -> Tensor | None:
    """Labels as whole numbers."""
    if value is None:
        return None
    found = tensor(value)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.is_floating_point() and not bool(((found == found.floor()) & found.isfinite()).all()):
        raise Unprocessable("Labels must be whole numbers, one class number per sample, counted from 0.")
    return found.long()


def outputs_of(value: Array, labels: Tensor | None, kind: Kind | None) -> Outputs:
    """Outputs ``(samples, classes)``; unless it is said what they are, logits that do not look like probabilities.

    One column, ``(samples, 1)`` or ``(samples,)``, is the logit or the probability of the second of two classes.
    """
    if kind is not None and kind not in set(OutputKind):
        raise Unprocessable(f'outputs must be "logits" or "probabilities", not {kind!r}.')
    raw = tensor(value).to(torch.float64)
    if is_one_logit(raw, len(raw) if raw.ndim else 0):
        raw = _of_two_classes(raw, kind)
    if raw.ndim != 2 or raw.shape[1] < 2 or not len(raw):
        needed = "(samples, classes) with at least one sample and two classes"
        raise Unprocessable(f"Outputs must be {needed}, not {tuple(raw.shape)}.")
    if labels is not None:
        labels = labels.to(raw.device)
        if labels.shape != (len(raw),):
            raise Unprocessable(f"There are {tuple(labels.shape)} labels for {len(raw)} samples.")
        if bool((labels < 0).any()) or bool((labels >= raw.shape[1]).any()):
            raise Unprocessable(f"Labels must lie between 0 and {raw.shape[1] - 1}.")
    sums_to_one = are_probabilities(raw)
    if kind is None and sums_to_one:
        raise Unprocessable(
            'These rows are not negative and sum to 1, so they look like probabilities: say outputs="probabilities", '
            'or outputs="logits" if they are logits all the same.'
        )
    if kind is not None and OutputKind(kind) is OutputKind.PROBABILITIES:
        if not sums_to_one:
            raise Unprocessable('outputs="probabilities" needs rows that are not negative and sum to 1.')
        raw = raw.log().clamp_min(-1e30)
    _finite(raw)
    return Outputs(raw, labels)


def _of_two_classes(column: Tensor, kind: Kind | None) -> Tensor:
    """Outputs of both classes from those of the second."""
    if kind is None and bool(((column >= 0) & (column <= 1)).all()):
        raise Unprocessable(
            'One number from 0 to 1 per sample may be a probability or a logit: say outputs="probabilities" or '
            'outputs="logits".'
        )
    if kind is not None and OutputKind(kind) is OutputKind.PROBABILITIES:
        column = column.reshape(-1, 1)
        return torch.cat([1 - column, column], 1)
    return two_logits(column)


def features_of(value: Array, *, of_positions: bool = False) -> Tensor:
    """Features ``(samples, width)`` as floats; ``(samples, positions, width)`` too where positions may count."""
    x = tensor(value)
    if x.ndim == 3 and 0 not in x.shape and not of_positions:
        raise Unprocessable(
            f"Features must be (samples, width), not {tuple(x.shape)}; this measure does not take every position "
            "as a sample."
        )
    if x.ndim not in (2, 3) or 0 in x.shape:
        what = "(samples, width) or (samples, positions, width)" if of_positions else "(samples, width)"
        raise Unprocessable(f"Features must be {what}, not {tuple(x.shape)}.")
    x = (
        x
        if x.dtype in (torch.float32, torch.float64)
        else x.to(torch.float32 if x.is_floating_point() else torch.float64)
    )
    _finite(x)
    return x


def layer_of(features: Array, labels: Tensor | None, beside: Mapping[str, Any]) -> Layer:
    """A layer with what stands beside it: ``inputs``, ``logits`` and ``head``."""
    unknown = sorted(set(beside) - {"inputs", "logits", "head"})
    if unknown:
        raise Unprocessable(f"Unknown: {', '.join(unknown)}; beside features there may be inputs, logits and head.")
    x = features_of(features)
    found: dict[str, Tensor] = {name: tensor(v).to(x.device) for name, v in beside.items() if v is not None}
    for name, values in found.items():
        if values.ndim < 2:
            raise Unprocessable(f"{name} must have two dimensions or more, not {tuple(values.shape)}.")
        if name != "head" and len(values) != len(x):
            raise Unprocessable(f"There are {len(values)} rows of {name} for {len(x)} samples.")
        _finite(values)
    if labels is not None and labels.shape != (len(x),):
        raise Unprocessable(f"There are {tuple(labels.shape)} labels for {len(x)} samples.")
    if labels is not None and bool((labels < 0).any()):
        raise Unprocessable("Labels must not be negative.")
    if "inputs" in found:
        found["inputs"] = found["inputs"].flatten(1).to(torch.float64)
    return Layer(x, None if labels is None else labels.to(x.device), **found)


def weights_of(state: Any) -> dict[str, Tensor]:
    """A state dict of tensors or arrays; of a module its parameters, without buffers, as the network uses them."""
    try:
        if isinstance(state, nn.Module) and not isinstance(state, torch.jit.ScriptModule):
            return _tensors_of(effective_of(unwrapped(state)))
        return effective(_tensors_of(state.state_dict() if isinstance(state, nn.Module) else state))
    except Undefined as sentence:
        raise Unprocessable(str(sentence)) from sentence


def _tensors_of(state: Any) -> dict[str, Tensor]:
    if not isinstance(state, Mapping):
        raise Unprocessable("Weights are read from a module or a state dict: pass the model or model.state_dict().")
    return {name: _with_arithmetic(tensor(value)) for name, value in _plain_names(state).items()}


def _plain_names(state: Mapping[Any, Any]) -> dict[str, Any]:
    """Names without what wrappers of devices and of the compiler add to them, unless two would be one."""
    named = {str(name): value for name, value in state.items()}
    plain = {".".join(p for p in name.split(".") if p not in WRAPPERS): value for name, value in named.items()}
    return plain if len(plain) == len(named) else named


def _with_arithmetic(values: Tensor) -> Tensor:
    """Floats of one byte as those of four: torch cannot compute with them."""
    return values.float() if values.is_floating_point() and values.element_size() < 2 else values


def _finite(values: Tensor) -> None:
    try:
        finite(values)
    except Undefined as sentence:
        raise Unprocessable(str(sentence)) from sentence
