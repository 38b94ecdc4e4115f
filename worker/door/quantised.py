"""Quantised tensors of torch as the numbers that they stand for: ``(integer - zero point) * scale``.

Source: ``torch._utils._rebuild_qtensor`` and the quantisers of ``torch.ao``, per tensor and per channel.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinscape.worker.door.canonical import Tensor, count
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.door.unpickler import DeferredCall, GlobalName

INTEGERS = {"I8": "<i1", "U8": "<u1"}
NUMBERS = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4"}
PER_TENSOR, PER_CHANNEL = "per_tensor_affine", "per_channel_affine"


class Scales(NamedTuple):
    """How integers become numbers.

    Attributes:
        scale, zero: one number, or one of each channel ``(channels,)``.
        axis: of the channels; None where there is one for all.
    """

    scale: npt.NDArray[np.float64]
    zero: npt.NDArray[np.float64]
    axis: int | None


def scales_of(name: str, made: DeferredCall, read: Callable[[DeferredCall], Tensor]) -> Scales:
    """What the file says of a tensor's scale.

    Args:
        read: puts a plain tensor together.

    Raises:
        Refusal: it is quantised in another way, or what it says makes no sense.
    """
    try:
        scheme, *rest = made.arguments[4]
        kind = scheme.name if isinstance(scheme, GlobalName) else ""
        if kind == PER_TENSOR:
            scale, zero = (np.array(float(value)) for value in rest)
            return Scales(scale, zero, None)
        if kind == PER_CHANNEL:
            scale, zero = (_values(read(part)) for part in rest[:2])
            return Scales(scale, zero, int(rest[2]))
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise Refusal(f"The scale of the quantised tensor {quoted(name)} makes no sense; save it again.") from error
    raise Refusal(
        f"The tensor {quoted(name)} is quantised in a way that is not read ({quoted(kind)}): save the weights after "
        ".dequantize()."
    )


def as_numbers(name: str, tensor: Tensor, scales: Scales) -> Tensor:
    """The float32 numbers of a quantised tensor.

    Raises:
        Refusal: there are not as many scales as channels.
    """
    if tensor.dtype not in INTEGERS:
        raise Refusal(f"The tensor {quoted(name)} has a quantised type that is not read; save it after .dequantize().")
    values = np.frombuffer(tensor.data, INTEGERS[tensor.dtype], count(tensor.shape)).reshape(tensor.shape)
    shape: tuple[int, ...] = ()
    if scales.axis is not None:
        axis = scales.axis
        if not 0 <= axis < values.ndim or not _fit(scales, values.shape[axis]):
            raise Refusal(f"The quantised tensor {quoted(name)} has not one scale for each channel; save it again.")
        shape = tuple(-1 if k == axis else 1 for k in range(values.ndim))
    scale, zero = ((part.reshape(shape) if shape else part) for part in (scales.scale, scales.zero))
    numbers = ((values - zero) * scale).astype("<f4")
    return Tensor("F32", tensor.shape, memoryview(numbers.tobytes()))


def _values(tensor: Tensor) -> npt.NDArray[np.float64]:
    return np.frombuffer(tensor.data, NUMBERS[tensor.dtype]).reshape(tensor.shape).astype(np.float64)


def _fit(scales: Scales, channels: int) -> bool:
    return scales.scale.shape == (channels,) == scales.zero.shape
