"""Weights out of GGUF files whose tensors are not quantised.

Source: the format's specification, versions 2 and 3.
"""

import mmap
import struct
from typing import Any

from kinscape.worker.door.canonical import ITEM_BYTES, Tensor, count
from kinscape.worker.door.refusal import Refusal, quoted

MAGIC = b"GGUF"
VERSIONS = (2, 3)
# Numbers of the format for types that are plain values; all others are blocks of quantised ones.
TYPES = {0: "F32", 1: "F16", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16"}
# Sizes of values in metadata by their number; 8 is text and 9 a list.
VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
TEXT, LIST, WORD = 8, 9, 4
MOST_TENSORS, MOST_VALUES, MOST_AXES, LONGEST_NAME = 200_000, 10_000, 4, 500
USUAL_ALIGNMENT = 32
MOST_ALIGNMENT = 1 << 16
DAMAGED = "The GGUF file is damaged or cut off; upload it again."


class _Reader:
    """Numbers and texts one after the other, every one inside the file."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> memoryview:
        if size < 0 or self.at + size > self.data.nbytes:
            raise Refusal(DAMAGED)
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, kind: str) -> int:
        (value,) = struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))
        return int(value)

    def text(self) -> bytes:
        return bytes(self.take(self.number("Q")))


def read(path: str) -> dict[str, Tensor]:
    """The tensors of a file; sides are turned round, as the format lists the fastest first."""
    with open(path, "rb") as file:
        reader = _Reader(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    reader.take(len(MAGIC))
    version, tensors, values = reader.number("I"), reader.number("Q"), reader.number("Q")
    if version not in VERSIONS:
        raise Refusal(f"This is a GGUF file of version {version}; versions 2 and 3 are read.")
    if tensors > MOST_TENSORS or values > MOST_VALUES:
        raise Refusal(DAMAGED)
    alignment = USUAL_ALIGNMENT
    for _ in range(values):
        key, kind = reader.text(), reader.number("I")
        value = _value(reader, kind)
        if key == b"general.alignment" and kind == WORD:
            alignment = value
    if not 0 < alignment <= MOST_ALIGNMENT:
        raise Refusal(DAMAGED)
    infos = [_info(reader) for _ in range(tensors)]
    start = -(-reader.at // alignment) * alignment
    out: dict[str, Tensor] = {}
    for name, dtype, shape, offset in infos:
        size = count(shape) * ITEM_BYTES[dtype]
        if name in out or start + offset + size > reader.data.nbytes:
            raise Refusal(DAMAGED)
        out[name] = Tensor(dtype, shape, reader.data[start + offset : start + offset + size])
    return out


def _value(reader: _Reader, kind: int) -> Any:
    """Pass over a value of the metadata; a word is its number."""
    if kind == TEXT:
        return reader.text()
    if kind == LIST:
        inner, length = reader.number("I"), reader.number("Q")
        if inner in VALUE_BYTES:
            return reader.take(length * VALUE_BYTES[inner])
        if inner != TEXT or length > reader.data.nbytes:
            raise Refusal(DAMAGED)
        for _ in range(length):
            reader.text()
        return None
    if kind == WORD:
        return reader.number("I")
    if kind not in VALUE_BYTES:
        raise Refusal(DAMAGED)
    return reader.take(VALUE_BYTES[kind])


def _info(reader: _Reader) -> tuple[str, str, tuple[int, ...], int]:
    raw, axes = reader.text(), reader.number("I")
    if len(raw) > LONGEST_NAME or axes > MOST_AXES:
        raise Refusal(DAMAGED)
    try:
        name = raw.decode()
    except UnicodeDecodeError as error:
        raise Refusal(DAMAGED) from error
    shape = tuple(reader.number("Q") for _ in range(axes))[::-1]
    kind, offset = reader.number("I"), reader.number("Q")
    if kind not in TYPES:
        raise Refusal(
            f"The tensor {quoted(name)} is quantised in blocks, so the file does not hold the weights as numbers: "
            "convert the model with --outtype f16 or bf16, or upload its safetensors."
        )
    return name, TYPES[kind], shape, offset
