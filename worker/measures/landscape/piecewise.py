"""Whether a network's logits are piecewise linear in every single weight, read off its graph."""

import operator

import torch
from torch import nn
from torch.fx import Node
from torch.fx.experimental.proxy_tensor import make_fx

from worker.measures.inputs import Subject, exact_attention

aten = torch.ops.aten

LINEAR = {
    aten.view, aten._unsafe_view, aten.reshape, aten.t, aten.transpose, aten.permute, aten.expand,
    aten.squeeze, aten.unsqueeze, aten.slice, aten.select, aten.cat, aten.add, aten.sub, aten.neg,
    aten.mean, aten.sum, aten.avg_pool2d, aten._adaptive_avg_pool2d, aten.constant_pad_nd,
    aten.clone, aten._to_copy, aten.detach, aten.alias, aten.flatten, aten.lift_fresh_copy,
}  # fmt: skip
PIECEWISE = {
    aten.relu, aten.relu_, aten.max_pool2d_with_indices, aten.leaky_relu, aten.hardtanh, aten.threshold,
}  # fmt: skip
PRODUCTS = {aten.mm, aten.bmm, aten.addmm, aten.convolution, aten.mul}
NORMS = {
    aten._native_batch_norm_legit_no_training,
    aten.native_batch_norm,
    aten.cudnn_batch_norm,
    aten.batch_norm,
}


def is_piecewise_linear(subject: Subject) -> bool:
    """Whether every logit is piecewise linear in each weight while the others stand still.

    Then the diagonal of the Hessian equals that of the Gauss-Newton matrix, and so do the
    traces. A product whose two sides depend on one weight (tied weights, attention) ends it;
    so does any operator that is not known to be piecewise linear.
    """

    def run(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = torch.func.functional_call(subject.module, {**subject.buffers, **weights}, (x,))
        return out

    if not _is_frozen(subject.module):
        return False
    with exact_attention(), torch.no_grad():
        try:
            graph = make_fx(run)(subject.weights, subject.x[:2]).graph
        except RuntimeError:
            # The path through the network depends on the data: nothing is known about all of it.
            return False
    dependence: dict[Node, frozenset[Node]] = {}
    weights = len(subject.weights)
    placeholders = [n for n in graph.nodes if n.op == "placeholder"]
    for position, node in enumerate(placeholders):
        dependence[node] = frozenset([node]) if position < weights else frozenset()
    return all(_keeps_linear(node, dependence) for node in graph.nodes if node.op == "call_function")


def _is_frozen(module: nn.Module) -> bool:
    return not any(m.training for m in module.modules())


def _keeps_linear(node: Node, dependence: dict[Node, frozenset[Node]]) -> bool:
    sides = [dependence.get(a, frozenset()) for a in node.all_input_nodes]
    union = frozenset[Node]().union(*sides)
    dependence[node] = union
    if not union:
        return True
    kind = getattr(node.target, "overloadpacket", node.target)
    if kind in LINEAR or kind in PIECEWISE or kind is operator.getitem:
        return True
    if kind is aten.div:
        return not (isinstance(node.args[1], Node) and dependence[node.args[1]])
    if kind in PRODUCTS:
        factors = [dependence.get(a, frozenset()) for a in node.args[-2:] if isinstance(a, Node)]
        if kind in (aten.convolution, aten.mul):
            factors = [dependence.get(a, frozenset()) for a in node.args[:2] if isinstance(a, Node)]
        return len(factors) < 2 or not factors[0] & factors[1]
    if kind in NORMS:
        if kind is not aten._native_batch_norm_legit_no_training and node.args[5]:
            return False
        first, scale = node.args[0], node.args[1]
        own = dependence.get(scale, frozenset()) if isinstance(scale, Node) else frozenset()
        return isinstance(first, Node) and not dependence[first] & own
    return False
