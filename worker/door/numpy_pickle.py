"""Arrays out of pickles of numpy: their bytes stand in the pickle, and are read without calling anything."""

import mmap
from collections.abc import Iterator
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
# Where the parts of an array stand in its state: version, shape, type, order, bytes.
STATE_PARTS = 5
DEEPEST = 16
SAVE = "save it with numpy.savez(path, **{name: array for name, array in weights.items()})"


class _Layout(NamedTuple):
    shape: tuple[int, ...]
    kind: str
    is_fortran: bool
    data: memoryview


def is_array(value: Any) -> bool:
    """Whether a value is an array that is yet to be put together."""
    by = value.by if isinstance(value, DeferredCall) else None
    return isinstance(by, GlobalName) and by.module in MODULES and by.name in (RECONSTRUCT, FROM_BUFFER)


def read(path: str) -> tuple[dict[str, Tensor], Any]:
    """The arrays in a pickle by the path of their keys, and the whole value."""
    with open(path, "rb") as file:
        value = unpickler.load(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return {".".join(path): array_of(".".join(path), found) for path, found in _arrays(value, (), set())}, value


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
    elif isinstance(value, DeferredCall) and value.items:
        entries = value.items.items()
    for key, inner in entries:
        name = key.decode(errors="replace") if isinstance(key, bytes) else str(key)
        yield from _arrays(inner, (*path, name), seen)


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
    if not all(type(s) is int and 0 <= s < 2**40 for s in sides) or len(sides) > 64:
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
