"""Arrays out of pickles of numpy and joblib: their bytes are read without calling anything.

Numpy writes them into the pickle, joblib behind the object that stands for the array (``joblib.numpy_pickle``).
"""

import mmap
from functools import partial
from typing import Any, NamedTuple

from kinscape.worker.door import unpickler
from kinscape.worker.door.canonical import ITEM_BYTES, NUMPY_TYPES, Tensor, count
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.door.strided import strided
from kinscape.worker.door.unpickler import DeferredCall, GlobalName

RECONSTRUCT, FROM_BUFFER = "_reconstruct", "_frombuffer"
MODULES = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
# Texts, dates and records: no numbers.
NO_NUMBERS = ("U", "S", "M", "m", "V")
OBJECTS, SCALAR = "O", "scalar"
# How attributes that were fitted end in scikit-learn.
FITTED = "_"
# Where the classes of generators of random numbers lie, whose states are no weights.
OF_GENERATORS = "numpy.random"
WRAPPER = GlobalName("joblib.numpy_pickle", "NumpyArrayWrapper")
# Where the parts of an array stand in its state: version, shape, type, order, bytes.
STATE_PARTS = 5
DEEPEST, MOST_AXES, MOST_VALUES, MOST_TOLD = 64, 64, 500_000, 8
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
        return True
    return isinstance(by, GlobalName) and by.module in MODULES and by.name in (RECONSTRUCT, FROM_BUFFER)


class ReadPickle(NamedTuple):
    """What a pickle holds.

    Attributes:
        arrays: by the path of their keys.
        left_out: names of arrays that are no numbers, or belong to an object's own affairs.
        value: all of it.
    """

    arrays: dict[str, Tensor]
    left_out: list[str]
    value: Any

    @property
    def told(self) -> list[str]:
        """What its owner should know."""
        if not self.left_out:
            return []
        more = len(self.left_out) - MOST_TOLD
        names = ", ".join(quoted(n) for n in self.left_out[:MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
        return [f"Left out, as texts, records or private parts of objects: {names}."]


def read(path: str) -> ReadPickle:
    """The arrays in a pickle by the path of their keys, and the whole value."""
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    walk = _Walk()
    value = unpickler.load(data, built=partial(_read_behind, data))
    walk.through(value, (), ())
    return ReadPickle({name: array_of(name, found) for name, found in walk.found.items()}, walk.left_out, value)


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
        plain = kind.lstrip(">")
        item = 0 if plain.startswith(OBJECTS) else int(plain[1:]) * (4 if plain.startswith("U") else 1)
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise Refusal(f"An array of the file is damaged; {SAVE}.") from error
    if not all(type(side) is int and 0 <= side < 2**40 for side in shape) or len(shape) > MOST_AXES or item < 0:
        raise Refusal(f"The shape of an array of the file makes no sense; {SAVE}.")
    if not item:
        # Objects are a pickle of their own.
        wrapper.items["objects"] = unpickler.load(data, built=partial(_read_behind, data))
        return
    if has_padding:
        data.read(int.from_bytes(data.read(1), "little"))
    size, start = count(shape) * item, data.tell()
    if start + size > len(data):
        raise Refusal(f"The file is cut off; {SAVE}, and upload it again.")
    data.seek(start + size)
    if kind in NUMPY_TYPES:
        wrapper.elements.append(memoryview(data)[start : start + size])


class _Walk:
    """Goes through a value, and collects the arrays in it by the path of their keys.

    Args:
        is_private: whether it is an object's own affairs, of which names alone are told and may repeat.
    """

    def __init__(self, *, is_private: bool = False) -> None:
        self._is_private = is_private
        self.found: dict[str, DeferredCall] = {}
        self.left_out: list[str] = []
        self._visits = 0

    def through(self, value: Any, path: tuple[str, ...], above: tuple[int, ...]) -> None:
        """Everything in a value; what lies in several places has several names.

        Args:
            above: identities of what the value lies in: some may lie in themselves.
        """
        self._visits += 1
        if self._visits > MOST_VALUES:
            raise Refusal(f"The pickle holds the same values in far too many places; {SAVE}.")
        if is_array(value):
            self._array(value, path, above)
            return
        if id(value) in above or not isinstance(value, dict | list | tuple | DeferredCall) or _is_generator(value):
            return
        name = ".".join(path)
        if _is_scalar(value) and path and path[-1].endswith(FITTED):
            self._keep(name, value)
        elif _is_of_torch(value) or len(path) > DEEPEST:
            self.left_out.append(name)
        else:
            for key, inner in _entries(value):
                text = key.decode(errors="replace") if isinstance(key, bytes) else str(key)
                if isinstance(value, DeferredCall) and text.startswith("_"):
                    self._pass_over(inner, (*path, text))
                else:
                    self.through(inner, (*path, text), (*above, id(value)))

    def _array(self, value: Any, path: tuple[str, ...], above: tuple[int, ...]) -> None:
        name = ".".join(path) or "x"
        kind = _kind_of(name, value)
        if kind.startswith(OBJECTS):
            inside = value.items.get("objects") if value.by == WRAPPER else _objects(value)
            # Joblib pickles the array of objects once more.
            self.through(inside, path, (*above, id(value)))
        elif kind.lstrip(">").startswith(NO_NUMBERS):
            self.left_out.append(name)
        else:
            self._keep(name, value)

    def _keep(self, name: str, value: Any) -> None:
        if name in self.found and not self._is_private:
            raise Refusal(f"Two arrays of the pickle would be called {quoted(name)}; {SAVE}.")
        self.found[name] = value

    def _pass_over(self, value: Any, path: tuple[str, ...]) -> None:
        """An object's own affairs: their arrays are left out by name."""
        inside = _Walk(is_private=True)
        inside._visits = self._visits
        inside.through(value, path, ())
        self._visits = inside._visits
        self.left_out += [*inside.found, *inside.left_out]


def _entries(value: Any) -> list[tuple[Any, Any]]:
    """What lies in a value by its name there: keys, places, attributes, and what an object was made from."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    # Objects with slots keep them in the second of two states.
    states = value.state if isinstance(value.state, tuple) else (value.state,)
    own: dict[Any, Any] = {}
    for state in states:
        own |= {k: v for k, v in state.items() if isinstance(k, str)} if isinstance(state, dict) else {}
    made_from = value.arguments if isinstance(value.arguments, tuple) else ()
    return [*own.items(), *value.items.items(), *enumerate(value.elements), *enumerate(made_from)]


def _is_scalar(value: Any) -> bool:
    """Whether a value is one number of numpy, written as its type and bytes."""
    by = getattr(value, "by", None)
    return isinstance(by, GlobalName) and by.module in MODULES and by.name == SCALAR


def _is_generator(value: Any) -> bool:
    by = getattr(value, "by", None)
    return isinstance(by, GlobalName) and by.module.startswith(OF_GENERATORS)


def _is_of_torch(value: Any) -> bool:
    by = getattr(value, "by", None)
    return isinstance(by, GlobalName) and by.module == "torch._utils"


def _objects(value: DeferredCall) -> Any:
    """The list of objects in an array of numpy."""
    return value.state[STATE_PARTS - 1] if isinstance(value.state, tuple) and len(value.state) >= STATE_PARTS else None


def _kind_of(name: str, value: DeferredCall) -> str:
    try:
        if value.by == WRAPPER:
            return _kind(value.state["dtype"])
        return _kind(value.arguments[1] if value.by.name == FROM_BUFFER else value.state[2])
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise Refusal(f"The array {quoted(name)} is damaged; {SAVE}.") from error


def array_of(name: str, value: DeferredCall) -> Tensor:
    """An array with its bytes in row order.

    Raises:
        Refusal: it holds Python objects, or what it says of itself does not fit its bytes.
    """
    try:
        layout = _layout(value)
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise Refusal(f"The array {quoted(name)} is damaged; {SAVE}.") from error
    dtype = NUMPY_TYPES.get(layout.kind)
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
    if value.by.name == SCALAR:
        dtype, data = value.arguments
        return _Layout((), _kind(dtype), is_fortran=False, data=_raw(data))
    if value.by == WRAPPER:
        told = value.state
        data = value.elements[0] if value.elements else memoryview(b"")
        return _Layout(tuple(told["shape"]), _kind(told["dtype"]), told["order"] == "F", data)
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
