"""Tensors that are views of a storage, as bytes in row order."""

from kinscape.worker.door.canonical import ITEM_BYTES, Tensor, count
from kinscape.worker.door.refusal import Refusal, quoted

# A bias that was expanded over units is small; what a hostile file repeats is not.
LARGEST_EXPANDED = 64 << 20
WIDTH = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}


def strided(
    name: str, dtype: str, data: memoryview, *, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
) -> Tensor:
    """A tensor of some elements of a storage, every bound checked.

    Args:
        offset: of the first element, in elements.
        stride: elements from one index to the next, by axis.
    """
    item = ITEM_BYTES[dtype]
    size = count(shape) * item
    last = offset + sum((side - 1) * step for side, step in zip(shape, stride, strict=True))
    if last >= data.nbytes // item:
        raise Refusal(f"Tensor {quoted(name)} reaches beyond its stored bytes; save the file again.")
    if size > max(data.nbytes, LARGEST_EXPANDED):
        raise Refusal(
            f"Tensor {quoted(name)} repeats {data.nbytes} stored bytes to {size}: save it after .contiguous(), if that "
            "is what it holds."
        )
    if _is_in_rows(shape, stride):
        return Tensor(dtype, shape, data[offset * item : (offset + count(shape)) * item])
    return Tensor(dtype, shape, _gathered(data[offset * item :], shape, stride, item))


def _is_in_rows(shape: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    """Whether a tensor's elements follow one another in its storage."""
    expected = 1
    for side, step in zip(reversed(shape), reversed(stride), strict=True):
        if side != 1 and step != expected:
            return False
        expected *= side
    return True


def _gathered(data: memoryview, shape: tuple[int, ...], stride: tuple[int, ...], item: int) -> memoryview:
    """The bytes of a tensor that is a view of its storage, such as a transposed one, in row order."""
    import numpy as np  # most files hold no such tensor, and do without the tenth of a second that this takes

    words = np.frombuffer(data[: data.nbytes // item * item], WIDTH[item])
    strides = tuple(step * item for step in stride)
    placed = np.lib.stride_tricks.as_strided(words, shape, strides, writeable=False)
    return memoryview(placed.tobytes())
