"""Whether a network's logits are piecewise linear in every single weight, read off what it computes."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from kinscape.worker.inputs.functional import call_with
from kinscape.worker.inputs.subject import Subject, exact_attention

aten = torch.ops.aten
Sources = frozenset[int]

LINEAR = {
    aten.view,
    aten._unsafe_view,
    aten.reshape,
    aten.t,
    aten.transpose,
    aten.permute,
    aten.expand,
    aten.squeeze,
    aten.unsqueeze,
    aten.slice,
    aten.select,
    aten.cat,
    aten.add,
    aten.sub,
    aten.neg,
    aten.mean,
    aten.sum,
    aten.avg_pool2d,
    aten._adaptive_avg_pool2d,
    aten.constant_pad_nd,
    aten.clone,
    aten._to_copy,
    aten.detach,
    aten.alias,
    aten.flatten,
    aten.lift_fresh_copy,
}
PIECEWISE = {
    aten.relu,
    aten.relu_,
    aten.max_pool2d_with_indices,
    aten.leaky_relu,
    aten.hardtanh,
    aten.threshold,
}
PRODUCTS = {aten.mm, aten.bmm, aten.addmm, aten.convolution, aten.mul}
FIRST_TWO = {aten.convolution, aten.mul}
NORMS = {
    aten._native_batch_norm_legit_no_training,
    aten.native_batch_norm,
    aten.cudnn_batch_norm,
    aten.batch_norm,
}
# The way through the network depends on values: other samples may take another one.
LOOKS_AT_VALUES = {aten._local_scalar_dense, aten.is_nonzero, aten.equal}
NOTHING: Sources = frozenset()


def is_piecewise_linear(subject: Subject) -> bool:
    """Whether every logit is piecewise linear in each weight while the others stand still.

    Then the diagonal of the Hessian equals that of the Gauss-Newton matrix, and so do the
    traces. A product whose two sides depend on one weight (tied weights, attention) ends it;
    so does any operator that is not known to be piecewise linear.
    """
    found: bool = subject.once("piecewise", lambda: _is_piecewise_linear(subject))
    return found


def _is_piecewise_linear(subject: Subject) -> bool:
    if any(m.training for m in subject.module.modules()):
        return False
    follower = _Follower(list(subject.weights.values()))
    with exact_attention(), torch.no_grad(), follower:
        call_with(subject.module, {**subject.buffers, **subject.weights}, subject.x[:2])
    return follower.is_linear


class _Follower(TorchDispatchMode):
    """Sees every operator that runs, and which weights each of its results depends on."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.is_linear = True
        self._sources: dict[int, Sources] = {id(w): frozenset([k]) for k, w in enumerate(weights)}
        # A tensor's identity is only unique while it lives.
        self._alive: list[Any] = list(weights)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        sides = [self._of(a) for a in [*args, *(kwargs or {}).values()]]
        union = NOTHING.union(*sides)
        kind = func.overloadpacket
        if kind in LOOKS_AT_VALUES or (union and not _keeps_linear(kind, args, sides)):
            self.is_linear = False
        for one in out if isinstance(out, tuple | list) else (out,):
            if isinstance(one, Tensor):
                self._sources[id(one)] = union
                self._alive.append(one)
        return out

    def _of(self, value: Any) -> Sources:
        if isinstance(value, Tensor):
            return self._sources.get(id(value), NOTHING)
        if isinstance(value, tuple | list):
            return NOTHING.union(*[self._of(v) for v in value])
        return NOTHING


def _keeps_linear(kind: Any, args: Sequence[Any], sides: Sequence[Sources]) -> bool:
    if kind in LINEAR or kind in PIECEWISE or kind is operator.getitem:
        return True
    if kind is aten.div:
        return not sides[1]
    if kind in PRODUCTS:
        factors = sides[:2] if kind in FIRST_TWO else sides[-2:] if kind is not aten.addmm else sides[1:3]
        return not factors[0] & factors[1]
    if kind in NORMS:
        if kind is not aten._native_batch_norm_legit_no_training and args[5]:
            return False
        return not sides[0] & sides[1]
    return False
