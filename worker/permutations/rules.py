"""How each operator of a network carries the units along the axes of its tensors.

A rule says which axes of what an operator reads are permuted alike, and which axes its result has. What has no rule
keeps the order of everything that it reads: an unknown operator costs freedom, never the function.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from kinscape.worker.permutations.axes import Axes, Axis

Shape = Sequence[int]
Labels = tuple[Axis, ...]


@dataclass(frozen=True)
class Labelled:
    """A tensor of the traced network by its axes."""

    shape: tuple[int, ...]
    axes: Labels


@dataclass(frozen=True)
class Call:
    """One operator as the network calls it.

    Attributes:
        axes: of the whole network.
        named: every argument by its name in the operator's schema, defaults included; tensors are ``Labelled``.
        out: shapes of the results.
    """

    axes: Axes
    named: dict[str, Any]
    out: Sequence[tuple[int, ...]]

    @property
    def args(self) -> list[Any]:
        """The arguments in their order."""
        return list(self.named.values())

    @property
    def tensors(self) -> list[Labelled]:
        """The tensors that it reads."""
        return [a for a in self.args if isinstance(a, Labelled)]

    @property
    def x(self) -> Labelled:
        """What it reads first."""
        first: Labelled = self.args[0]
        return first

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its first result."""
        return self.out[0]


class Untold(Exception):
    """The axes of a result cannot be told; everything that was read keeps its order."""


# The axes of each result.
Rule = Callable[[Call], list[Labels]]
RULES: dict[str, Rule] = {}


def rule(*operators: str) -> Callable[[Rule], Rule]:
    """Register the rule of operators, by their names without namespace and overload."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(operators, function))
        return function

    return register


def is_entry_by_entry(operator: object) -> bool:
    """Whether torch says that an entry of the result depends on the entries in its place alone."""
    return torch.Tag.pointwise in getattr(operator, "tags", ())


@rule("where", "masked_fill", "hardswish", "hardsigmoid", "hardtanh", "relu6", "celu", "rrelu", "logit", "softplus")
def entry_by_entry(call: Call) -> list[Labels]:
    """Tensors of equal or broadcast shapes: what lies on one another moves alike."""
    return [broadcast(call.axes, [t.axes for t in call.tensors], shape) for shape in call.out]


def broadcast(axes: Axes, rows: Sequence[Labels], shape: Shape) -> Labels:
    """Axes of what several tensors give where they lie on one another, the last axis on the last."""
    joined: list[Axis] = []
    for back, size in enumerate(reversed(shape), start=1):
        present = [row[-back] for row in rows if len(row) >= back and axes.size(row[-back]) == size]
        for other in present[1:]:
            axes.join(present[0], other)
        joined.insert(0, present[0] if present else axes.fresh(size))
    return tuple(joined)


@rule("clone", "contiguous", "detach", "alias", "to", "_to_copy", "type_as", "lift_fresh", "lift_fresh_copy")
@rule(
    "dropout", "feature_dropout", "alpha_dropout", "softmax", "log_softmax", "_softmax", "_log_softmax", "fill", "zero"
)
def _unchanged(call: Call) -> list[Labels]:
    """What it read, or an entry for an entry: a softmax does not depend on the order within."""
    return [call.x.axes]


@rule("zeros", "ones", "full", "empty", "zeros_like", "ones_like", "full_like", "empty_like")
@rule("new_zeros", "new_ones", "new_full", "new_empty", "scalar_tensor")
def _constant(call: Call) -> list[Labels]:
    """One number everywhere looks the same in any order."""
    return [tuple(call.axes.fresh(size) for size in shape) for shape in call.out]


@rule("mean", "sum", "amax", "amin", "var", "std", "norm", "linalg_vector_norm", "logsumexp", "prod", "any", "all")
def _reduced(call: Call) -> list[Labels]:
    """Axes that are summed up leave; a sum does not depend on the order."""
    count = len(call.x.axes)
    dim = call.named.get("dim")
    given = [dim] if isinstance(dim, int) else list(dim or [])
    gone = {k % count for k in given} or set(range(count))
    if len(call.shape) == count:
        return [tuple(() if k in gone else axis for k, axis in enumerate(call.x.axes))]
    return [tuple(axis for k, axis in enumerate(call.x.axes) if k not in gone)]


@rule("linear")
def _linear(call: Call) -> list[Labels]:
    x, weight, bias = call.args
    call.axes.join(x.axes[-1], weight.axes[1])
    if bias is not None:
        call.axes.join(bias.axes[0], weight.axes[0])
    return [(*x.axes[:-1], weight.axes[0])]


@rule("matmul", "mm", "bmm", "mv", "dot", "vdot")
def _matmul(call: Call) -> list[Labels]:
    a, b = call.args[:2]
    return [_product(call.axes, a, b, call.shape)]


def _product(axes: Axes, a: Labelled, b: Labelled, shape: Shape) -> Labels:
    axes.join(a.axes[-1], b.axes[-2] if len(b.axes) > 1 else b.axes[0])
    rows = a.axes[-2:-1]
    columns = b.axes[-1:] if len(b.axes) > 1 else ()
    batch = shape[: len(shape) - len(rows) - len(columns)]
    return (*broadcast(axes, [a.axes[:-2], b.axes[:-2]], batch), *rows, *columns)


@rule("addmm")
def _addmm(call: Call) -> list[Labels]:
    added, a, b = call.args[:3]
    return [broadcast(call.axes, [added.axes, _product(call.axes, a, b, call.shape)], call.shape)]


@rule("einsum")
def _einsum(call: Call) -> list[Labels]:
    """Axes of one letter are permuted alike."""
    equation = call.named["equation"].replace(" ", "")
    if "." in equation or "->" not in equation:
        raise Untold
    read, _, written = equation.partition("->")
    letters: dict[str, Axis] = {}
    for word, tensor in zip(read.split(","), call.named["tensors"], strict=True):
        for letter, axis in zip(word, tensor.axes, strict=True):
            call.axes.join(letters.setdefault(letter, axis), axis)
    return [tuple(letters[letter] for letter in written)]


@rule("scaled_dot_product_attention")
def _attention(call: Call) -> list[Labels]:
    """softmax(q kᵀ + mask) v: features of q and k meet, tokens of k and v meet."""
    axes, (q, k, v) = call.axes, call.args[:3]
    if call.named.get("enable_gqa") or q.shape[:-2] != k.shape[:-2]:
        raise Untold
    axes.join(q.axes[-1], k.axes[-1])
    axes.join(k.axes[-2], v.axes[-2])
    batch = broadcast(axes, [t.axes[:-2] for t in (q, k, v)], q.shape[:-2])
    if call.named["is_causal"]:
        axes.fix(q.axes[-2] + k.axes[-2])
    mask = call.named["attn_mask"]
    if mask is not None:
        broadcast(axes, [(*q.axes[:-1], k.axes[-2]), mask.axes], (*q.shape[:-1], k.shape[-2]))
    return [(*batch, q.axes[-2], v.axes[-1])]


@rule("conv1d", "conv2d", "conv3d")
def _convolution(call: Call) -> list[Labels]:
    """Channels move, positions stay; channels of a group move with their group and within it."""
    axes, (x, weight), groups = call.axes, call.args[:2], call.named["groups"]
    channel = len(x.axes) - len(weight.axes) + 1
    read = axes.divided(x.axes[channel], (groups, x.shape[channel] // groups))
    written = axes.divided(weight.axes[0], (groups, weight.shape[0] // groups))
    if read is None or written is None:
        raise Untold
    axes.join(read[0], written[0])
    axes.join(read[1], weight.axes[1])
    return _convolved(call, weight.axes[0])


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _transposed_convolution(call: Call) -> list[Labels]:
    x, weight = call.args[:2]
    if call.named["groups"] != 1:
        raise Untold
    call.axes.join(x.axes[len(x.axes) - len(weight.axes) + 1], weight.axes[0])
    return _convolved(call, weight.axes[1])


def _convolved(call: Call, channels: Axis) -> list[Labels]:
    x, weight, bias = call.args[:3]
    channel = len(x.axes) - len(weight.axes) + 1
    for position in (*x.axes[channel + 1 :], *weight.axes[2:]):
        call.axes.fix(position)
    if bias is not None:
        call.axes.join(bias.axes[0], channels)
    positions = [call.axes.fresh(size, fixed=True) for size in call.shape[channel + 1 :]]
    return [(*x.axes[:channel], channels, *positions)]


@rule("batch_norm", "instance_norm", "prelu", "group_norm")
def _by_channel(call: Call) -> list[Labels]:
    """Every channel with numbers of its own; groups stay together."""
    channel = call.x.axes[1] if len(call.x.axes) > 1 else ()
    groups = call.named.get("num_groups", 1)
    if call.axes.divided(channel, (groups, call.axes.size(channel) // groups)) is None:
        raise Untold
    for tensor in call.tensors[1:]:
        if tensor.shape != (1,):
            call.axes.join(channel, tensor.axes[0])
    return [call.x.axes]


@rule("layer_norm", "rms_norm")
def _layer_norm(call: Call) -> list[Labels]:
    """The mean of the last axes does not depend on their order."""
    for tensor in call.tensors[1:]:
        for axis, own in zip(call.x.axes[-len(tensor.axes) :], tensor.axes, strict=True):
            call.axes.join(axis, own)
    return [call.x.axes]


@rule("_weight_norm")
def _weight_norm(call: Call) -> list[Labels]:
    """A direction times a length: the norm of a row does not depend on the order within."""
    direction, length = call.args[:2]
    return [broadcast(call.axes, [direction.axes, length.axes], direction.shape)]


@rule("embedding")
def _embedding(call: Call) -> list[Labels]:
    weight, rows = call.args[:2]
    call.axes.fix(weight.axes[0])
    return [(*rows.axes, weight.axes[1])]


def _over_positions(positions: int) -> Rule:
    """The last axes are positions, which are ordered; all before them stay what they are."""

    def found(call: Call) -> list[Labels]:
        ordered = range(len(call.x.axes) - positions, len(call.x.axes))
        return [_ordered(call, shape, set(ordered)) for shape in call.out]

    return found


POOLS = ("avg_pool", "max_pool", "adaptive_avg_pool", "adaptive_max_pool")
for _d in (1, 2, 3):
    rule(*(f"{kind}{_d}d" for kind in POOLS))(_over_positions(_d))
rule("max_pool2d_with_indices", "upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d")(_over_positions(2))


@rule("pad")
def _padded(call: Call) -> list[Labels]:
    """Axes that grow or are cut at an end are ordered; sizes come in pairs, the last axis first."""
    sizes = call.named["pad"]
    ordered = {len(call.shape) - 1 - k // 2 for k, size in enumerate(sizes) if size}
    return [_ordered(call, call.shape, ordered)]


def _ordered(call: Call, shape: Shape, ordered: set[int]) -> Labels:
    for k in ordered:
        call.axes.fix(call.x.axes[k])
    return tuple(call.axes.fresh(n, fixed=True) if k in ordered else call.x.axes[k] for k, n in enumerate(shape))
