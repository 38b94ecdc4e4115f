"""Weights out of ONNX files: the initial values of a graph, read as plain protocol buffers.

Sources: ``onnx.proto`` (fields of ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto); the encoding of
protocol buffers.
"""

import mmap
import struct
from collections.abc import Iterator

from kinscape.worker.door.canonical import ITEM_BYTES, Tensor, count
from kinscape.worker.door.refusal import Refusal, quoted

# What the first field of a model, its version, begins with; the second, who wrote it, follows.
VERSION_FIELD = 0x08
# Numbers of fields.
MODEL_GRAPH, MODEL_FUNCTION = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE = 1, 5, 15
FUNCTION_NODE = 7
NODE_OUTPUT, NODE_KIND, NODE_ATTRIBUTE = 2, 4, 5
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS = 5, 6, 11
DIMS, DATA_TYPE, FLOATS, INT32S, INT64S, NAME, RAW, DOUBLES, UINT64S, LOCATION = 1, 2, 4, 5, 7, 8, 9, 10, 11, 14
# Wire types: a number, eight bytes, a length and so many bytes, four bytes.
VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
# TensorProto.DataType.
TYPES = {
    1: "F32",
    2: "U8",
    3: "I8",
    4: "U16",
    5: "I16",
    6: "I32",
    7: "I64",
    9: "BOOL",
    10: "F16",
    11: "F64",
    12: "U32",
    13: "U64",
    16: "BF16",
}
# Which field holds a type's values where they are not raw bytes; small types, as bits, stand among the int32.
REALS = {"F32": FLOATS, "F64": DOUBLES}
WHOLE = {"I64": INT64S, "U32": UINT64S, "U64": UINT64S}
REAL = ("F16", "BF16", "F32", "F64")
# Unsigned numbers of so many bytes.
WORDS = {1: "B", 2: "H", 4: "I", 8: "Q"}
EXTERNAL = 1
MOST_TENSORS, MOST_FIELDS, MOST_AXES, LONGEST_NAME, LONGEST_VARINT = 200_000, 5_000_000, 64, 500, 10
DEEPEST = 16
DAMAGED = "The ONNX file is damaged or cut off; export and upload it again."

Field = tuple[int, int, int, memoryview]


def looks_like(start: bytes) -> bool:
    """Whether a file begins as a model of ONNX does: a small version number, then a text or a graph."""
    return len(start) > 2 and start[0] == VERSION_FIELD and 0 < start[1] < 64 and start[2] in (0x12, 0x3A, 0x42)


def read(path: str) -> dict[str, Tensor]:
    """The tensors of the model by their names: initial values, and constants, also of graphs within graphs.

    Of constants only real numbers and matrices count: whole numbers in a row are sizes and axes.

    Raises:
        Refusal: the file is damaged, keeps its weights elsewhere or sparsely, or holds none.
    """
    with open(path, "rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    out: dict[str, Tensor] = {}
    for graph in _all(data, MODEL_GRAPH):
        _add_graph(out, graph, "", 0)
    for place, function in enumerate(_all(data, MODEL_FUNCTION)):
        for node in _all(function, FUNCTION_NODE):
            _add_node(out, node, f"function{place}.", 0)
    if not out:
        raise Refusal("The ONNX file holds no weights; export the model with its parameters.")
    return out


def _add_graph(out: dict[str, Tensor], graph: memoryview, prefix: str, depth: int) -> None:
    """Add the tensors of a graph; names within an inner one get those of its node before them."""
    if depth > DEEPEST:
        raise Refusal(DAMAGED)
    for number, wire, _, inside in _fields(graph):
        if number == GRAPH_SPARSE:
            raise Refusal("The ONNX file holds sparse weights, which are not read: export them as dense tensors.")
        if number == GRAPH_INITIALIZER:
            name, tensor = _tensor(inside)
            _add(out, prefix + name if name else "", tensor)
        elif number == GRAPH_NODE and wire == BYTES:
            _add_node(out, inside, prefix, depth)


def _add_node(out: dict[str, Tensor], node: memoryview, prefix: str, depth: int) -> None:
    """Add what a node holds: the constant that it gives, or the graphs that it runs."""
    constant = _constant(node)
    if constant is not None:
        _add(out, prefix + constant[0], constant[1])
        return
    for attribute in _all(node, NODE_ATTRIBUTE):
        inner = [*_all(attribute, ATTRIBUTE_GRAPH), *_all(attribute, ATTRIBUTE_GRAPHS)]
        names = [_name(o) for o in _all(node, NODE_OUTPUT)] if inner else []
        for place, graph in enumerate(inner):
            _add_graph(out, graph, f"{prefix}{(names or ['graph'])[0]}.{_attribute_name(attribute)}{place}.", depth + 1)


def _attribute_name(attribute: memoryview) -> str:
    return "".join(_name(n) for n in _all(attribute, 1))


def _add(out: dict[str, Tensor], name: str, tensor: Tensor) -> None:
    if not name or name in out or len(out) >= MOST_TENSORS or len(name) > LONGEST_NAME:
        raise Refusal(DAMAGED)
    out[name] = tensor


def _fields(data: memoryview) -> Iterator[Field]:
    """Fields of a message: number, wire type, value of a number, and bytes."""
    at, seen, none = 0, 0, memoryview(b"")
    while at < data.nbytes:
        seen += 1
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        value, inside = 0, none
        if wire == VARINT:
            value, at = _varint(data, at)
        else:
            size = {EIGHT: 8, FOUR: 4}.get(wire, -1)
            if wire == BYTES:
                size, at = _varint(data, at)
            if size < 0 or at + size > data.nbytes or seen > MOST_FIELDS:
                raise Refusal(DAMAGED)
            inside, at = data[at : at + size], at + size
        yield number, wire, value, inside


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where the next one begins."""
    value = 0
    for k in range(LONGEST_VARINT):
        if at + k >= data.nbytes:
            break
        byte = data[at + k]
        value |= (byte & 0x7F) << (7 * k)
        if byte < 0x80:
            return value, at + k + 1
    raise Refusal(DAMAGED)


def _all(data: memoryview, wanted: int) -> list[memoryview]:
    return [inside for number, wire, _, inside in _fields(data) if number == wanted and wire == BYTES]


def _constant(node: memoryview) -> tuple[str, Tensor] | None:
    """What a node gives that is a constant of real numbers, or a matrix: exporters fold weights into such."""
    if [bytes(kind) for kind in _all(node, NODE_KIND)] != [b"Constant"]:
        return None
    tensors = [t for attribute in _all(node, NODE_ATTRIBUTE) for t in _all(attribute, ATTRIBUTE_TENSOR)]
    outputs = _all(node, NODE_OUTPUT)
    if len(tensors) != 1 or len(outputs) != 1:
        return None
    _, tensor = _tensor(tensors[0])
    is_weight = len(tensor.shape) > 1 or (len(tensor.shape) == 1 and tensor.dtype in REAL)
    return (_name(outputs[0]), tensor) if is_weight else None


class _Values:
    """The values of a tensor as they come: raw bytes, or numbers of the message, together or one by one."""

    def __init__(self) -> None:
        self.raw = memoryview(b"")
        self.bits: dict[int, bytearray] = {}
        self.numbers: dict[int, list[int]] = {}

    def take(self, number: int, wire: int, value: int, inside: memoryview) -> None:
        """A field with values; all others are passed over."""
        if number == RAW:
            self.raw = inside
        elif number in (FLOATS, DOUBLES):
            self.bits.setdefault(number, bytearray()).extend(inside)
        elif number in (INT32S, INT64S, UINT64S):
            self.numbers.setdefault(number, []).extend([value] if wire == VARINT else _packed(inside))

    def of(self, dtype: str) -> memoryview:
        """Little-endian bytes of a type."""
        if self.raw.nbytes:
            return self.raw
        if dtype in REALS:
            return memoryview(bytes(self.bits.get(REALS[dtype], b"")))
        size = ITEM_BYTES[dtype]
        numbers = self.numbers.get(WHOLE.get(dtype, INT32S), [])
        # Negative numbers are written as those of 64 bits.
        return memoryview(struct.pack(f"<{len(numbers)}{WORDS[size]}", *[n % (1 << 8 * size) for n in numbers]))


def _tensor(message: memoryview) -> tuple[str, Tensor]:
    sides: list[int] = []
    name, kind, values = "", 0, _Values()
    for number, wire, value, inside in _fields(message):
        if number == DIMS:
            sides += [value] if wire == VARINT else _packed(inside)
        elif number == DATA_TYPE:
            kind = value
        elif number == NAME:
            name = _name(inside)
        elif number == LOCATION and value == EXTERNAL:
            raise Refusal(
                "The ONNX file keeps its weights in another file beside it: save one file with "
                "onnx.save(model, path, save_as_external_data=False)."
            )
        else:
            values.take(number, wire, value, inside)
    dtype = TYPES.get(kind)
    if dtype is None:
        raise Refusal(f"The tensor {quoted(name)} is of a type ({kind}) that is not read; export it as float32.")
    shape = tuple(sides)
    if len(shape) > MOST_AXES or not all(0 <= side < 2**40 for side in shape):
        raise Refusal(DAMAGED)
    raw = values.of(dtype)
    if raw.nbytes != count(shape) * ITEM_BYTES[dtype]:
        raise Refusal(f"The tensor {quoted(name)} does not have the bytes that its shape needs; export it again.")
    return name, Tensor(dtype, shape, raw)


def _packed(data: memoryview) -> list[int]:
    out, at = [], 0
    while at < data.nbytes:
        value, at = _varint(data, at)
        out.append(value)
    return out


def _name(raw: memoryview) -> str:
    try:
        text = bytes(raw[: LONGEST_NAME + 1]).decode()
    except UnicodeDecodeError as error:
        raise Refusal(DAMAGED) from error
    if len(text) > LONGEST_NAME:
        raise Refusal(DAMAGED)
    return text
