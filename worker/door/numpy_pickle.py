"""Arrays out of pickles of numpy and joblib: their bytes are read without calling anything.

Numpy writes them into the pickle, joblib behind the object that stands for the array (``joblib.numpy_pickle``).
"""

import mmap
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from kinscape.worker.door import unpickler
from kinscape.worker.door.canonical import ITEM_BYTES, Tensor, count
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.door.strided import strided
from kinscape.worker.door.unpickler import DeferredCall, GlobalName

RECONSTRUCT, FROM_BUFFER = "_reconstruct", "_frombuffer"
MODULES = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
DTYPES = {
    "f8": "F64",
    "f4": "F32",
    "f2": "F16",
    "i8": "I64",
    "i4": "I32",
    "i2": "I16",
    "i1": "I8",
    "u1": "U8",
    "b1": "BOOL",
}
WRAPPER = GlobalName("joblib.numpy_pickle", "NumpyArrayWrapper")
# Where the parts of an array stand in its state: version, shape, type, order, bytes.
STATE_PARTS = 5
DEEPEST, MOST_AXES = 16, 64
SAVE = "save it with numpy.savez(path, **{name: array for name, array in weights.items()})"


class _Layout(NamedTuple):
    shape: tuple[int, ...]
    kind: str
    is_fortran: bool
    data: memoryview


def is_array(value: Any) -> bool:
    """Whether a value is an array that is yet to be put together."""
    by = value.by if isinstance(value, DeferredCall) else None
    if by == WRAPPER:
        return bool(value.elements)
    return isinstance(by, GlobalName) and by.module in MODULES and by.name in (RECONSTRUCT, FROM_BUFFER)


def read(path: str) -> tuple[dict[str, Tensor], Any]:
    """The arrays in a pickle by the path of their keys, and the whole value."""
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    value = unpickler.load(data, built=partial(_read_behind, data))
    return {".".join(path): array_of(".".join(path), found) for path, found in _arrays(value, (), set())}, value


def _read_behind(data: mmap.mmap, wrapper: DeferredCall) -> None:
    """Give joblib's stand-in for an array the bytes that follow it: the length of a padding, the padding, the values.

    Arrays of texts, dates and objects are passed over: they are no weights.

    Raises:
        Refusal: the array holds more than is left of the file.
    """
    if wrapper.by != WRAPPER:
        return
    try:
        shape, kind = tuple(wrapper.state["shape"]), _kind(wrapper.state["dtype"])
        has_padding = wrapper.state.get("numpy_array_alignment_bytes") is not None
        item = 0 if kind.startswith("O") else int(kind[1:]) * (4 if kind.startswith("U") else 1)
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise Refusal(f"An array of the file is damaged; {SAVE}.") from error
    if not all(type(side) is int and 0 <= side < 2**40 for side in shape) or len(shape) > MOST_AXES or item < 0:
        raise Refusal(f"The shape of an array of the file makes no sense; {SAVE}.")
    if not item:
        # Objects are a pickle of their own.
        unpickler.load(data)
        return
    if has_padding:
        data.read(int.from_bytes(data.read(1), "little"))
    size, start = count(shape) * item, data.tell()
    if start + size > len(data):
        raise Refusal(f"The file is cut off; {SAVE}, and upload it again.")
    data.seek(start + size)
    if kind in DTYPES:
        wrapper.elements.append(memoryview(data)[start : start + size])


def _arrays(value: Any, path: tuple[str, ...], seen: set[int]) -> Iterator[tuple[tuple[str, ...], DeferredCall]]:
    if is_array(value):
        yield path or ("x",), value
        return
    # What lies in several places is one: walking every way to it might never end.
    if len(path) > DEEPEST or id(value) in seen:
        return
    seen.add(id(value))
    entries: Any = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list | tuple):
        entries = enumerate(value)
    elif isinstance(value, DeferredCall):
        # Attributes of an object are its parameters; those that begin with a stroke are its own affair.
        own = value.state if isinstance(value.state, dict) else {}
        public = {k: v for k, v in own.items() if isinstance(k, str) and not k.startswith("_") and not _is_label(v)}
        entries = {**public, **value.items}.items()
    for key, inner in entries:
        name = key.decode(errors="replace") if isinstance(key, bytes) else str(key)
        yield from _arrays(inner, (*path, name), seen)


def _is_label(value: Any) -> bool:
    """Whether a value is an array of texts or the like, such as the names of classes."""
    if not is_array(value):
        return False
    try:
        return _layout(value).kind not in DTYPES
    except (TypeError, ValueError, AttributeError, LookupError):
        return False


def array_of(name: str, value: DeferredCall) -> Tensor:
    """An array with its bytes in row order.

    Raises:
        Refusal: it holds Python objects, or what it says of itself does not fit its bytes.
    """
    try:
        layout = _layout(value)
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise Refusal(f"The array {quoted(name)} is damaged; {SAVE}.") from error
    dtype = DTYPES.get(layout.kind)
    sides = layout.shape
    if dtype is None:
        raise Refusal(f"The array {quoted(name)} holds {quoted(layout.kind)} values, which are not read; {SAVE}.")
    if not all(type(s) is int and 0 <= s < 2**40 for s in sides) or len(sides) > MOST_AXES:
        raise Refusal(f"The shape of the array {quoted(name)} makes no sense; {SAVE}.")
    data = layout.data
    if count(sides) * ITEM_BYTES[dtype] != data.nbytes:
        raise Refusal(f"The array {quoted(name)} is damaged; {SAVE}.")
    if not layout.is_fortran or not data.nbytes:
        return Tensor(dtype, sides, data)
    steps, step = [], 1
    for side in sides:
        steps.append(step)
        step *= side
    return strided(name, dtype, data, offset=0, shape=sides, stride=tuple(steps))


def _layout(value: DeferredCall) -> _Layout:
    if value.by == WRAPPER:
        told = value.state
        return _Layout(tuple(told["shape"]), _kind(told["dtype"]), told["order"] == "F", value.elements[0])
    if value.by.name == FROM_BUFFER:
        data, dtype, shape, order = value.arguments
        return _Layout(tuple(shape), _kind(dtype), order == "F", _raw(data))
    _, shape, dtype, is_fortran, data = value.state[:STATE_PARTS]
    return _Layout(tuple(shape), _kind(dtype), bool(is_fortran), _raw(data))


def _raw(data: Any) -> memoryview:
    """The bytes of an array; Python 2 wrote them as text."""
    return memoryview(data.encode("latin-1") if isinstance(data, str) else data)


def _kind(dtype: Any) -> str:
    """Such as ``f4``; big-endian values have no name here."""
    name, order = dtype.arguments[0], dtype.state[1] if dtype.state else "|"
    text = name.decode() if isinstance(name, bytes) else str(name)
    return text.lstrip("<|") if order in ("<", "|", "=", b"<", b"|") else f"{order}{text}"
