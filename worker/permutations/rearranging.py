"""Rules of the operators that only rearrange tensors: views, parts, joins."""

from math import prod

from kinscape.worker.permutations.rules import Call, Labels, Untold, rule


@rule("view", "reshape", "_unsafe_view", "flatten", "unflatten", "view_as", "reshape_as", "squeeze", "unsqueeze")
def _reshaped(call: Call) -> list[Labels]:
    """The factors of all axes, in their order, as axes of other sizes."""
    factors = tuple(f for axis in call.x.axes for f in axis)
    divided = call.axes.divided(factors, call.shape) if prod(call.shape) else None
    if divided is None:
        raise Untold
    return [tuple(divided)]


@rule("t", "numpy_T", "transpose", "permute", "swapaxes")
def _permuted(call: Call) -> list[Labels]:
    order = list(range(len(call.x.axes)))
    match call.args[1:]:
        case []:
            order.reverse()
        case [list(dims)]:
            order = [k % len(order) for k in dims]
        case [p, q]:
            order[p], order[q] = order[q], order[p]
    return [tuple(call.x.axes[k] for k in order)]


@rule("expand", "expand_as")
def _expanded(call: Call) -> list[Labels]:
    """What is the same along an axis is so in any order."""
    new = len(call.shape) - len(call.x.axes)
    old = [None] * new + [
        axis if size == call.shape[new + k] else None
        for k, (axis, size) in enumerate(zip(call.x.axes, call.x.shape, strict=True))
    ]
    return [tuple(call.axes.fresh(n) if axis is None else axis for axis, n in zip(old, call.shape, strict=True))]


@rule("select", "unbind")
def _taken_out(call: Call) -> list[Labels]:
    """One place of an axis, or each: the axis keeps its order."""
    at = call.named["dim"] % len(call.x.axes)
    call.axes.fix(call.x.axes[at])
    return [(*call.x.axes[:at], *call.x.axes[at + 1 :])] * len(call.out)


@rule("slice", "narrow")
def _part(call: Call) -> list[Labels]:
    """Part of an axis keeps its order; all of it is the axis itself."""
    at = call.named["dim"] % len(call.x.axes)
    if call.shape[at] == call.x.shape[at]:
        return [call.x.axes]
    return [_in_order(call, at, call.shape[at])]


@rule("roll", "flip")
def _moved(call: Call) -> list[Labels]:
    for at in call.named["dims"] or range(len(call.x.axes)):
        call.axes.fix(call.x.axes[at])
    return [call.x.axes]


@rule("index_select")
def _picked(call: Call) -> list[Labels]:
    at = call.named["dim"] % len(call.x.axes)
    return [_in_order(call, at, call.shape[at])]


def _in_order(call: Call, at: int, size: int) -> Labels:
    """The axes of a tensor with one of another size, which keeps its order."""
    call.axes.fix(call.x.axes[at])
    return (*call.x.axes[:at], call.axes.fresh(size, fixed=True), *call.x.axes[at + 1 :])


@rule("chunk", "split", "split_with_sizes", "tensor_split")
def _split(call: Call) -> list[Labels]:
    """Equal parts of an axis: the parts keep their order, and are permuted alike within."""
    at = call.named["dim"] % len(call.x.axes)
    sizes = [shape[at] for shape in call.out]
    if len(set(sizes)) > 1:
        return [_in_order(call, at, size) for size in sizes]
    divided = call.axes.divided(call.x.axes[at], (len(sizes), sizes[0]))
    if divided is None:
        raise Untold
    call.axes.fix(divided[0])
    return [(*call.x.axes[:at], divided[1], *call.x.axes[at + 1 :])] * len(sizes)


@rule("cat")
def _one_after_another(call: Call) -> list[Labels]:
    """Tensors in a row keep their order along it; elsewhere they lie on one another."""
    parts, at = call.named["tensors"], call.named["dim"] % len(call.shape)
    if any(len(p.axes) != len(call.shape) for p in parts):
        raise Untold
    for part in parts:
        call.axes.fix(part.axes[at])
        for k, axis in enumerate(part.axes):
            if k != at:
                call.axes.join(parts[0].axes[k], axis)
    row = call.axes.fresh(call.shape[at], fixed=True)
    return [(*parts[0].axes[:at], row, *parts[0].axes[at + 1 :])]


@rule("stack")
def _on_one_another(call: Call) -> list[Labels]:
    parts, at = call.named["tensors"], call.named["dim"] % len(call.shape)
    for part in parts[1:]:
        for first, axis in zip(parts[0].axes, part.axes, strict=True):
            call.axes.join(first, axis)
    first = parts[0].axes
    return [(*first[:at], call.axes.fresh(len(parts), fixed=True), *first[at:])]
