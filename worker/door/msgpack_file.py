"""Weights out of msgpack files of Flax: nested maps with arrays in extension type 1.

Sources: the specification of msgpack; ``flax.serialization.msgpack_serialize``.
"""

import struct
from collections.abc import Iterator
from typing import Any

from kinscape.worker.door.canonical import ITEM_BYTES, Tensor, count
from kinscape.worker.door.kernel_layout import in_order_of_pytorch
from kinscape.worker.door.refusal import Refusal, quoted

DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
DAMAGED = "The msgpack file is damaged, or none that flax.serialization wrote; save it again."
ARRAY = 1
DEEPEST, MOST_VALUES, MOST_AXES = 32, 1_000_000, 64
# Maps of up to 15 entries, and longer ones: what every file of weights begins with.
SHORT_MAP, MAP16, MAP32 = 0x80, 0xDE, 0xDF
# Numbers of fixed size by their first byte.
NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
# What a length is written in, by the first byte of texts, bytes, lists, maps and extensions.
TEXTS = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
BYTES = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I"}
LISTS = {0xDC: ">H", 0xDD: ">I"}
MAPS = {MAP16: ">H", MAP32: ">I"}
EXTENSIONS = {0xC7: ">B", 0xC8: ">H", 0xC9: ">I"}
FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def looks_like(path: str) -> bool:
    """Whether a file begins as a map whose first key is text."""
    with open(path, "rb") as file:
        start = file.read(6)
    if len(start) < 2:
        return False
    key = start[1] if SHORT_MAP < start[0] < 0x90 else start[3] if start[0] == MAP16 and len(start) > 3 else 0
    return 0xA0 < key < 0xC0 or key == 0xD9


def read(path: str) -> tuple[dict[str, Tensor], list[str]]:
    """The arrays of a file by the path of their keys, and what a user should know."""
    with open(path, "rb") as file:
        reader = _Reader(memoryview(file.read()))
    tree = reader.value(DEEPEST)
    if reader.at != reader.data.nbytes or not isinstance(tree, dict):
        raise Refusal(DAMAGED)
    # Of a train state the weights are meant; what normalises is beside them.
    chosen = {k: tree[k] for k in ("params", "batch_stats") if isinstance(tree.get(k), dict)} or tree
    told = [f"Left out, as no weights: {', '.join(quoted(k) for k in tree if k not in chosen)}."]
    turned, about = in_order_of_pytorch(dict(_flat(chosen, ())))
    return turned, about + (told if len(chosen) < len(tree) else [])


def _flat(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
    if isinstance(tree, Tensor):
        yield ".".join(path), tree
    elif isinstance(tree, dict):
        for key, inner in tree.items():
            yield from _flat(inner, (*path, key))


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.data, self.at, self.left = data, 0, MOST_VALUES

    def take(self, size: int) -> memoryview:
        if self.at + size > self.data.nbytes:
            raise Refusal(DAMAGED)
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, kind: str) -> Any:
        return struct.unpack(kind, self.take(struct.calcsize(kind)))[0]

    def value(self, depth: int) -> Any:
        """The next value: a plain one, a list, a map with texts as keys, or an array."""
        self.left -= 1
        if depth < 0 or self.left < 0:
            raise Refusal(DAMAGED)
        first = self.take(1)[0]
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first in CONSTANTS:
            return CONSTANTS[first]
        if first in NUMBERS:
            return self.number(NUMBERS[first])
        if 0xA0 <= first < 0xC0 or first in TEXTS:
            return self.text(first - 0xA0 if first < 0xC0 else self.number(TEXTS[first]))
        if first in BYTES:
            return self.take(self.number(BYTES[first]))
        return self.nested(first, depth)

    def nested(self, first: int, depth: int) -> Any:
        if 0x90 <= first < 0xA0 or first in LISTS:
            length = first - 0x90 if first < 0xA0 else self.number(LISTS[first])
            return [self.value(depth - 1) for _ in range(length)]
        if SHORT_MAP <= first < 0x90 or first in MAPS:
            return self.map(first - SHORT_MAP if first < 0x90 else self.number(MAPS[first]), depth)
        if first in EXTENSIONS or first in FIXED_EXTENSIONS:
            size = FIXED_EXTENSIONS[first] if first in FIXED_EXTENSIONS else self.number(EXTENSIONS[first])
            kind = self.number(">b")
            inside = self.take(size)
            return _array(inside) if kind == ARRAY else None
        raise Refusal(DAMAGED)

    def map(self, length: int, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for _ in range(length):
            key = self.value(0)
            if not isinstance(key, str) or key in out:
                raise Refusal(DAMAGED)
            out[key] = self.value(depth - 1)
        return out

    def text(self, size: int) -> str:
        try:
            return bytes(self.take(size)).decode()
        except UnicodeDecodeError as error:
            raise Refusal(DAMAGED) from error


def _array(inside: memoryview) -> Tensor:
    """An array as Flax writes it: a list of its shape, the name of its type, its bytes in row order."""
    reader = _Reader(inside)
    parts = reader.value(2)
    try:
        shape, name, data = parts
        sides = tuple(shape)
        kind = DTYPES[name if isinstance(name, str) else bytes(name).decode()]
    except (TypeError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise Refusal(DAMAGED) from error
    if not isinstance(data, memoryview) or len(sides) > MOST_AXES or not all(type(s) is int and s >= 0 for s in sides):
        raise Refusal(DAMAGED)
    if count(sides) * ITEM_BYTES[kind] != data.nbytes:
        raise Refusal(DAMAGED)
    return Tensor(kind, sides, data)
