"""A strict reader of safetensors files."""

import json
import mmap
import os
import struct
from typing import Any

from kinscape.worker.door.canonical import ITEM_BYTES, Tensor, count
from kinscape.worker.door.refusal import Refusal, quoted

# About what the format's own reader allows.
LONGEST_HEADER = 100 << 20
# More than any network has; bounds the work of a hostile file before its data is read.
MOST_TENSORS = 200_000


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise Refusal("The file names a tensor twice; save it again.")
    return out


def looks_like(path: str) -> bool:
    """Whether a file starts as safetensors do: a sane length, then a brace."""
    with open(path, "rb") as file:
        start = file.read(9)
    return len(start) == 9 and struct.unpack("<Q", start[:8])[0] <= LONGEST_HEADER and start[8:9] == b"{"


def read(path: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file, every offset checked."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(LONGEST_HEADER, size - 8):
            raise Refusal("The file is cut off inside its header; upload it again.")
        text = file.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Refusal("The header of the safetensors file is not JSON; save the file again.") from error
    if not isinstance(header, dict) or len(header) > MOST_TENSORS:
        raise Refusal("The header of the safetensors file does not list tensors; save the file again.")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise Refusal("The metadata of the safetensors file must map names to text; save the file again.")
    with open(path, "rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))[8 + length :]
    tensors: dict[str, Tensor] = {}
    end = 0
    entries = [(name, _entry(name, value)) for name, value in header.items()]
    for name, (dtype, shape, start, stop) in sorted(entries, key=lambda e: e[1][2:]):
        if start != end or stop - start != count(shape) * ITEM_BYTES[dtype]:
            raise Refusal(f"The bytes of tensor {quoted(name)} overlap others or leave a gap; save the file again.")
        if stop > data.nbytes:
            raise Refusal(f"The file is cut off inside tensor {quoted(name)}; upload it again.")
        tensors[name] = Tensor(dtype, shape, data[start:stop])
        end = stop
    if end != data.nbytes:
        raise Refusal("The file goes on after its last tensor; save it again.")
    return tensors, metadata


def _entry(name: str, value: Any) -> tuple[str, tuple[int, ...], int, int]:
    try:
        dtype, shape, (start, stop) = value["dtype"], value["shape"], value["data_offsets"]
    except (TypeError, KeyError, ValueError) as error:
        raise Refusal(f"The entry of tensor {quoted(name)} is incomplete; save the file again.") from error
    if dtype not in ITEM_BYTES:
        raise Refusal(f"Tensor {quoted(name)} has the unknown type {quoted(dtype)}; save it as float32.")
    numbers = [*shape, start, stop] if isinstance(shape, list) else [None]
    if not all(type(n) is int and 0 <= n < 2**62 for n in numbers) or len(shape) > 16:
        raise Refusal(f"The shape of tensor {quoted(name)} makes no sense; save the file again.")
    return dtype, tuple(shape), start, stop
