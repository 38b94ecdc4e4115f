"""Kernels of convolutions as Keras and Flax store them, turned to the order of PyTorch.

Keras and Flax keep ``(height, width, in, out)``. Read as ``(out, everything else)``, as measures of matrices do, such a
kernel would be another matrix, with another rank and another spectrum, without a word. Matrices ``(in, out)`` stay:
all that is asked of a matrix is the same of its transpose.
"""

from math import prod

from kinscape.worker.door.canonical import ITEM_BYTES, Tensor

# What the last part of a kernel's name is; newer files of Keras number a layer's variables instead.
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel")
# Projections of attention have three axes as well: (in, heads, width of a head), or the other way round.
ATTENTION = ("attention", "attn", "query", "key", "value")
TOLD = "Kernels of convolutions were turned to (out, in, height, width), the order of PyTorch."


def in_order_of_pytorch(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The same tensors with kernels of convolutions turned, and what a user should know of it."""
    kernels = {name: tensor for name, tensor in tensors.items() if _is_kernel(name, tensor)}
    turned = {name: _turned(t, is_depthwise="depthwise" in name.lower()) for name, t in kernels.items()}
    return {**tensors, **turned}, [TOLD] if turned else []


def _is_kernel(name: str, tensor: Tensor) -> bool:
    low = name.lower()
    last = low.rsplit(".", 1)[-1]
    axes = len(tensor.shape)
    if axes < 3 or not (last in KERNELS or last.isdecimal()) or any(word in low for word in ATTENTION):
        return False
    return axes > 3 or "conv" in low


def _turned(tensor: Tensor, *, is_depthwise: bool) -> Tensor:
    import numpy as np  # takes longer than reading a small file that has no such kernel

    values = np.frombuffer(tensor.data, dtype=f"V{ITEM_BYTES[tensor.dtype]}").reshape(tensor.shape)
    places = range(values.ndim - 2)
    if is_depthwise and values.ndim == 4:
        # Every channel has filters of its own: (in · filters, 1, height, width).
        moved = values.transpose(2, 3, *places)
        shape = (prod(moved.shape[:2]), 1, *moved.shape[2:])
    else:
        moved = values.transpose(values.ndim - 1, values.ndim - 2, *places)
        shape = moved.shape
    return Tensor(tensor.dtype, tuple(int(side) for side in shape), memoryview(np.ascontiguousarray(moved).tobytes()))
