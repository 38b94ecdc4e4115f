"""Layers of torch.nn for the steps of a program that are one."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kinscape.worker.loading.graph import ArgumentKind, Node

Weights = Mapping[str, Tensor]
CONVOLUTIONS: dict[str, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {
    "conv1d": nn.Conv1d,
    "conv2d": nn.Conv2d,
    "conv3d": nn.Conv3d,
}
NORMS: dict[str, type[nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d]] = {
    "BatchNorm1d": nn.BatchNorm1d,
    "BatchNorm2d": nn.BatchNorm2d,
    "BatchNorm3d": nn.BatchNorm3d,
}


def layer_of(node: Node, path: str, names: Mapping[str, str], state: Weights) -> nn.Module | None:
    """The layer at a path that computes a step, with its weights; None where no layer of torch.nn does.

    Args:
        path: of the module that the step belongs to.
        names: tensor by the name that the graph gives it.
        state: tensors by name.
    """
    operator, _, overload = node.op.removeprefix("torch.ops.aten.").partition(".")
    builder = BUILDERS.get(operator)
    if not path or builder is None:
        return None
    given = _Given(node, path, names, state)
    with torch.device("meta"):
        layer = builder(given, overload)
    if layer is None:
        return None
    held = {n: given.tensor(n) for n in ("weight", "bias", "running_mean", "running_var")}
    for name, tensor in held.items():
        if tensor is None:
            continue
        if name in ("weight", "bias"):
            setattr(layer, name, nn.Parameter(tensor, requires_grad=tensor.is_floating_point()))
        else:
            setattr(layer, name, tensor)
    for name in [n for n, _ in layer.named_parameters(recurse=False) if held.get(n) is None]:
        # What the step does not read was made without memory: such as the bias of a norm that has none.
        layer.register_parameter(name, None)
    counted = state.get(f"{path}.num_batches_tracked")
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        layer.num_batches_tracked = torch.tensor(0) if counted is None else counted
    return layer.eval()


class _Given:
    """Arguments of a step by place, and the weights among them."""

    def __init__(self, node: Node, path: str, names: Mapping[str, str], state: Weights) -> None:
        self.node, self.path, self.names, self.state = node, path, names, state
        self._read = {names[v] for kind, v in node.args if kind is ArgumentKind.TENSOR and v in names}

    def tensor(self, name: str) -> Tensor | None:
        """The tensor of this module and name, where the step reads it."""
        full = f"{self.path}.{name}"
        return self.state[full] if full in self._read else None

    def reads(self, **places: str) -> bool:
        """Whether these places hold tensors of this module by these names, or nothing."""
        for place, name in places.items():
            kind, value = self._at(int(place[1:]))
            if kind is ArgumentKind.VALUE and value is None:
                continue
            if kind is not ArgumentKind.TENSOR or self.names.get(value) != f"{self.path}.{name}":
                return False
        return True

    def value(self, place: int, default: Any) -> Any:
        """A plain argument; what it is when it is left out."""
        kind, value = self._at(place)
        return value if kind is ArgumentKind.VALUE and value is not None else default

    def _at(self, place: int) -> tuple[ArgumentKind, Any]:
        return self.node.args[place] if place < len(self.node.args) else (ArgumentKind.VALUE, None)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is given by keyword."""
        return not self.node.keywords


def _linear(given: _Given, _: str) -> nn.Module | None:
    weight = given.tensor("weight")
    if weight is None or weight.ndim != 2 or not given.is_plain or not given.reads(p1="weight", p2="bias"):
        return None
    return nn.Linear(weight.shape[1], weight.shape[0], bias=given.tensor("bias") is not None)


def _convolution(given: _Given, overload: str) -> nn.Module | None:
    operator = given.node.op.removeprefix("torch.ops.aten.").partition(".")[0]
    weight = given.tensor("weight")
    if weight is None or not given.is_plain or not given.reads(p1="weight", p2="bias"):
        return None
    groups = given.value(6, 1)
    dims = weight.ndim - 2
    padding = given.value(4, "valid" if overload == "padding" else [0] * dims)
    return CONVOLUTIONS[operator](
        weight.shape[1] * groups,
        weight.shape[0],
        tuple(weight.shape[2:]),  # type: ignore[arg-type]
        stride=tuple(_spread(given.value(3, [1]), dims)),  # type: ignore[arg-type]
        padding=padding if isinstance(padding, str) else tuple(_spread(padding, dims)),  # type: ignore[arg-type]
        dilation=tuple(_spread(given.value(5, [1]), dims)),  # type: ignore[arg-type]
        groups=groups,
        bias=given.tensor("bias") is not None,
    )


def _spread(values: list[int], dims: int) -> list[int]:
    return values * dims if len(values) == 1 else values


def _batch_norm(given: _Given, _: str) -> nn.Module | None:
    # Layers of other libraries that add an activation (timm's BatchNormAct2d) are not one of torch.nn.
    kind = NORMS.get(given.node.kind.rsplit(".", 1)[-1])
    mean = given.tensor("running_mean")
    names = {"p1": "weight", "p2": "bias", "p3": "running_mean", "p4": "running_var"}
    if kind is None or mean is None or not given.is_plain or not given.reads(**names):
        return None
    momentum, eps = given.value(6, 0.1), given.value(7, 1e-5)
    return kind(len(mean), eps=eps, momentum=momentum, affine=given.tensor("weight") is not None)


def _layer_norm(given: _Given, _: str) -> nn.Module | None:
    shape = given.value(1, None)
    if shape is None or not given.is_plain or not given.reads(p2="weight", p3="bias"):
        return None
    has_weight, has_bias = given.tensor("weight") is not None, given.tensor("bias") is not None
    return nn.LayerNorm(shape, eps=given.value(4, 1e-5), elementwise_affine=has_weight, bias=has_bias)


def _group_norm(given: _Given, _: str) -> nn.Module | None:
    groups, weight = given.value(1, None), given.tensor("weight")
    if groups is None or weight is None or not given.is_plain or not given.reads(p2="weight", p3="bias"):
        return None
    return nn.GroupNorm(groups, len(weight), eps=given.value(4, 1e-5))


def _embedding(given: _Given, _: str) -> nn.Module | None:
    weight = given.tensor("weight")
    if weight is None or not given.is_plain or not given.reads(p0="weight") or given.value(3, False):
        return None
    padding = given.value(2, -1)
    return nn.Embedding(weight.shape[0], weight.shape[1], padding_idx=None if padding < 0 else padding)


BUILDERS: dict[str, Callable[[_Given, str], nn.Module | None]] = {
    "linear": _linear,
    "conv1d": _convolution,
    "conv2d": _convolution,
    "conv3d": _convolution,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "embedding": _embedding,
}
