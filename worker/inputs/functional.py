"""Running a network with other weights, and leaving it as it was.

``torch.func.functional_call`` puts tensors in place of a module's own and back again, name by name. A module that two
names reach (an activation with weights used twice, a siamese part) is exchanged twice, and what is put back last is the
other weight. Here each module is exchanged once, and tensors that several modules share are given to all of them.
"""

import copy
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights

# Where torch keeps the hooks of a module, and which of them take keyword arguments or always run.
HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
)
_owners: "WeakKeyDictionary[nn.Module, dict[str, tuple[str, ...]]]" = WeakKeyDictionary()


def call_with(module: nn.Module, state: Weights, x: Tensor) -> Any:
    """What a network returns for samples with other parameters and buffers; the network stays as it is.

    Args:
        state: tensors by any of their names; what is not named is the module's own.
    """
    owners = _owners.get(module)
    if owners is None:
        owners = _owners[module] = owners_of(module)
    placed = {place: tensor for name, tensor in state.items() for place in owners.get(name, (name,))}
    return torch.func.functional_call(module, placed, (x,), tie_weights=False)


def copied(module: nn.Module) -> nn.Module:
    """A copy of a network that shares no tensor with it.

    A pruned layer, or one with weight norm, holds the weight that its last pass made; torch refuses to copy one that
    has a graph, so it is copied without.

    Raises:
        Undefined: a part of it cannot be copied.
    """
    held = [v for part in module.modules() for v in vars(part).values()]
    # Recurrent layers keep their weights in a list as well.
    flat = [t for v in held for t in (v if isinstance(v, list | tuple) else [v])]
    made = [t for t in flat if isinstance(t, Tensor) and not t.is_leaf]
    try:
        return copy.deepcopy(module, {id(t): t.detach().clone() for t in made})
    except Exception as error:
        raise Undefined(
            f"The network holds something that cannot be copied ({type(error).__name__}: {str(error)[:120]}), and this "
            "number is taken from a copy: leave it out, or give the network a __deepcopy__."
        ) from error


def with_own_samples(module: nn.Module) -> nn.Module:
    """The same network, parts and tensors shared, for one that changes the samples that it is given."""
    out = twin(module)
    out.register_forward_pre_hook(_on_a_copy)
    return out


def with_answers_like(module: nn.Module, weight: Tensor) -> nn.Module:
    """The same network, parts and tensors shared, whose outputs have the type of a weight."""
    out = twin(module)
    out.register_forward_hook(partial(_cast, weight.dtype))
    return out


def twin(module: nn.Module) -> nn.Module:
    """The same network, parts and tensors shared, with hooks of its own."""
    # Not copy.copy: a class may have its own idea of a copy.
    out = type(module).__new__(type(module))
    out.__dict__ = dict(module.__dict__)
    for name in HOOKS:
        out.__dict__[name] = OrderedDict(getattr(module, name))
    return out


def with_hooks_of(module: nn.Module, wrapper: nn.Module) -> nn.Module:
    """The same network, parts and tensors shared, with the hooks of what it was wrapped in as well."""
    if not wrapper._forward_hooks and not wrapper._forward_pre_hooks:
        return module
    out = twin(module)
    for name in HOOKS:
        getattr(out, name).update(getattr(wrapper, name))
    return out


def _on_a_copy(_module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.clone() if isinstance(value, Tensor) else value for value in given)


def _cast(kind: torch.dtype, _module: nn.Module, _given: object, out: Any) -> Any:
    return out.to(kind) if isinstance(out, Tensor) else out


def owners_of(module: nn.Module) -> dict[str, tuple[str, ...]]:
    """By every name of a tensor, one name for each module that holds it."""
    holders: dict[int, list[str]] = {}
    for path, part in module.named_modules():
        for attribute, tensor in _own(part).items():
            holders.setdefault(id(tensor), []).append(f"{path}.{attribute}" if path else attribute)
    every = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers(remove_duplicate=False))
    return {name: tuple(holders[id(tensor)]) for name, tensor in every.items()}


def _own(part: nn.Module) -> Mapping[str, Tensor]:
    own = {**part._parameters, **part._buffers}
    return {name: tensor for name, tensor in own.items() if tensor is not None}
