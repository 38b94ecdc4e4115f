"""Reads what a pickle says without doing what it says.

Opcodes are interpreted on a stack of our own. Nothing that the file names is imported or
called: names become ``GlobalName`` marks, calls become ``DeferredCall`` records, and only the handful of
constructions that tensors need are recognised by their names.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kinscape.worker.door.refusal import Refusal, quoted

# Some twenty per tensor; bounds the work of a hostile file.
MOST_OPCODES = 5_000_000
MARK = object()


@dataclass(frozen=True)
class GlobalName:
    """A class or function that the file names; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


ENCODE = GlobalName("_codecs", "encode")


@dataclass(frozen=True)
class Persistent:
    """A reference to something outside the pickle, such as a storage."""

    id: Any


@dataclass
class DeferredCall:
    """What a call would have made: by whom, from what, with which state."""

    by: Any
    arguments: Any
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    elements: list[Any] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class ObjectKey:
    """An object as the key of a dictionary; equal to itself alone."""

    object: DeferredCall


PLAIN = (str, bytes, int, float, type(None), GlobalName)


def _key(value: Any) -> Any:
    """A key of a dictionary or a set: plain, or a tuple of plain values.

    Tuples within tuples may share their parts so that hashing them would never end.
    """
    parts = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(part, PLAIN) for part in parts):
        raise Refusal("The pickle uses a key that is not text or a number; save model.state_dict() again.")
    return value


class _StackMachine:
    """The stack and the memo of a pickle that is being read.

    Args:
        seen: takes every reference to something outside the pickle.
        has_objects_as_keys: whether dictionaries may have objects as keys; each is then its own key.
    """

    def __init__(self, seen: list[Persistent], *, has_objects_as_keys: bool = False) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.seen = seen
        self.has_objects_as_keys = has_objects_as_keys

    def persistent(self, id: Any) -> None:
        self.stack.append(Persistent(id))
        self.seen.append(self.stack[-1])

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is MARK:
            raise Refusal("The pickle is damaged; save the file again.")
        return self.stack.pop()

    def discard(self) -> None:
        if not self.stack:
            raise Refusal("The pickle is damaged; save the file again.")
        self.stack.pop()

    def top(self) -> Any:
        value = self.pop()
        self.stack.append(value)
        return value

    def to_mark(self) -> list[Any]:
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is MARK:
                items = self.stack[place + 1 :]
                del self.stack[place:]
                return items
        raise Refusal("The pickle is damaged; save the file again.")

    def set_items(self, target: Any, flat: list[Any]) -> None:
        if len(flat) % 2:
            raise Refusal("The pickle is damaged; save the file again.")
        into = target.items if isinstance(target, DeferredCall) else target
        if not isinstance(into, dict):
            raise Refusal("The pickle is damaged; save the file again.")
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            is_object = self.has_objects_as_keys and isinstance(key, DeferredCall)
            into[ObjectKey(key) if is_object else _key(key)] = value

    def extend(self, target: Any, items: list[Any]) -> None:
        into = target.elements if isinstance(target, DeferredCall) else target
        if isinstance(into, set):
            into.update(_key(i) for i in items)
        elif isinstance(into, list):
            into.extend(items)
        else:
            raise Refusal("The pickle is damaged; save the file again.")

    def make(self, by: Any, arguments: Any) -> Any:
        if isinstance(by, GlobalName) and (by.module, by.name) == ("collections", "OrderedDict") and arguments == ():
            return {}
        if isinstance(by, GlobalName) and (by.module, by.name) == ("torch", "Size") and isinstance(arguments, tuple):
            return arguments[0] if len(arguments) == 1 else ()
        if by == ENCODE and isinstance(arguments, tuple) and len(arguments) == 2 and isinstance(arguments[0], str):
            # How bytes stand in pickles of protocol 2.
            return arguments[0].encode("latin-1")
        return DeferredCall(by, arguments)

    def build(self, state: Any) -> None:
        target = self.top()
        if isinstance(target, DeferredCall):
            target.state = state
        elif not isinstance(target, dict):
            # An OrderedDict may carry attributes (_metadata of a state dict); others may not.
            raise Refusal("The pickle sets the state of a plain value; save model.state_dict() again.")


def _constant(value: Callable[[], Any]) -> Callable[[_StackMachine, Any], None]:
    return lambda m, _: m.stack.append(value())


def _argument(m: _StackMachine, arg: Any) -> None:
    m.stack.append(arg)


def _tuple(size: int) -> Callable[[_StackMachine, Any], None]:
    def run(m: _StackMachine, _: Any) -> None:
        m.stack.append(tuple(reversed([m.pop() for _ in range(size)])))

    return run


def _global(m: _StackMachine, arg: Any) -> None:
    module, _, name = str(arg).partition(" ")
    m.stack.append(GlobalName(module, name))


def _stack_global(m: _StackMachine, _: Any) -> None:
    name, module = m.pop(), m.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise Refusal("The pickle is damaged; save the file again.")
    m.stack.append(GlobalName(module, name))


def _reduce(m: _StackMachine, _: Any) -> None:
    arguments, by = m.pop(), m.pop()
    m.stack.append(m.make(by, arguments))


def _newobj_ex(m: _StackMachine, _: Any) -> None:
    _keywords, arguments, by = m.pop(), m.pop(), m.pop()
    m.stack.append(m.make(by, arguments))


def _inst(m: _StackMachine, arg: Any) -> None:
    module, _, name = str(arg).partition(" ")
    m.stack.append(m.make(GlobalName(module, name), tuple(m.to_mark())))


def _obj(m: _StackMachine, _: Any) -> None:
    by, *arguments = m.to_mark() or [None]
    m.stack.append(m.make(by, tuple(arguments)))


def _set_item(m: _StackMachine, _: Any) -> None:
    value, key = m.pop(), m.pop()
    m.set_items(m.top(), [key, value])


def _set_items(m: _StackMachine, _: Any) -> None:
    flat = m.to_mark()
    m.set_items(m.top(), flat)


def _append(m: _StackMachine, _: Any) -> None:
    item = m.pop()
    m.extend(m.top(), [item])


def _extend(m: _StackMachine, _: Any) -> None:
    items = m.to_mark()
    m.extend(m.top(), items)


def _dict_from(m: _StackMachine, _: Any) -> None:
    flat = m.to_mark()
    m.stack.append({})
    m.set_items(m.top(), flat)


def _get(m: _StackMachine, arg: Any) -> None:
    if arg not in m.memo:
        raise Refusal("The pickle is damaged; save the file again.")
    m.stack.append(m.memo[arg])


def _put(m: _StackMachine, arg: Any) -> None:
    m.memo[int(arg)] = m.top()


def _memoize(m: _StackMachine, _: Any) -> None:
    m.memo[len(m.memo)] = m.top()


OPCODES: dict[str, Callable[[_StackMachine, Any], None]] = {
    **dict.fromkeys(
        (
            "INT",
            "BININT",
            "BININT1",
            "BININT2",
            "LONG",
            "LONG1",
            "LONG4",
            "FLOAT",
            "BINFLOAT",
            "STRING",
            "BINSTRING",
            "SHORT_BINSTRING",
            "UNICODE",
            "BINUNICODE",
            "SHORT_BINUNICODE",
            "BINUNICODE8",
            "BINBYTES",
            "SHORT_BINBYTES",
            "BINBYTES8",
            "BYTEARRAY8",
        ),
        _argument,
    ),
    "PROTO": lambda _m, _: None,
    "FRAME": lambda _m, _: None,
    "NONE": _constant(lambda: None),
    "NEWTRUE": _constant(lambda: True),
    "NEWFALSE": _constant(lambda: False),
    "EMPTY_DICT": _constant(dict),
    "EMPTY_LIST": _constant(list),
    "EMPTY_TUPLE": _constant(tuple),
    "EMPTY_SET": _constant(set),
    "MARK": lambda m, _: m.stack.append(MARK),
    "POP": lambda m, _: m.discard(),
    "POP_MARK": lambda m, _: m.to_mark().clear(),
    "DUP": lambda m, _: m.stack.append(m.top()),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.to_mark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "LIST": lambda m, _: m.stack.append(m.to_mark()),
    "DICT": _dict_from,
    "FROZENSET": lambda m, _: m.stack.append(frozenset(_key(i) for i in m.to_mark())),
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "APPEND": _append,
    "APPENDS": _extend,
    "ADDITEMS": _extend,
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _newobj_ex,
    "INST": _inst,
    "OBJ": _obj,
    "BUILD": lambda m, _: m.build(m.pop()),
    "BINPERSID": lambda m, _: m.persistent(m.pop()),
    "GET": _get,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": _memoize,
}


def load(
    pickle: Any,
    *,
    seen: list[Persistent] | None = None,
    built: Callable[[DeferredCall], None] | None = None,
    has_objects_as_keys: bool = False,
) -> Any:
    """The value that a pickle describes, made of plain values and inert marks.

    Args:
        pickle: bytes, or a file, which is then at the end of the pickle.
        seen: takes every reference to something outside the pickle.
        built: is told each object whose state was just set; it may read on in the file, where bytes follow that
            are no part of the pickle.
        has_objects_as_keys: whether dictionaries may have objects as keys (``ObjectKey``); else they are refused.

    Raises:
        Refusal: the pickle is damaged, too long, or uses opcodes that weights never need.
    """
    machine = _StackMachine([] if seen is None else seen, has_objects_as_keys=has_objects_as_keys)
    try:
        for number, (opcode, arg, _) in enumerate(pickletools.genops(pickle)):
            if number > MOST_OPCODES:
                raise Refusal("The pickle is far longer than weights need; save model.state_dict() again.")
            if opcode.name == "STOP":
                return machine.pop()
            step = OPCODES.get(opcode.name)
            if step is None:
                raise Refusal(
                    f"The pickle uses the operation {quoted(opcode.name)}, which weights never need; "
                    "save model.state_dict() again."
                )
            step(machine, arg)
            if built is not None and opcode.name == "BUILD" and isinstance(machine.stack[-1], DeferredCall):
                built(machine.stack[-1])
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise Refusal("The pickle is damaged or cut off; save the file again.") from error
    raise Refusal("The pickle is cut off; upload the file again.")
