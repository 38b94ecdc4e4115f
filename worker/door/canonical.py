"""The one form that everything else opens: safetensors with sorted names, and its hash."""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import NamedTuple

from kinscape.worker.door.refusal import Refusal, quoted

ITEM_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "U16": 2,
    "U32": 4,
    "U64": 8,
}
PREFIXES = ("module.", "_orig_mod.", "_fsdp_wrapped_module.", "model.")


class Tensor(NamedTuple):
    """A tensor of a file: its kind, its shape, its little-endian bytes in row order.

    Plain bytes: importing numpy takes longer than reading a small file does, and each file has a process of its own.
    For the same reason paths are text here, and records are no dataclasses: these would import half the library.
    """

    dtype: str
    shape: tuple[int, ...]
    data: memoryview


def count(shape: tuple[int, ...]) -> int:
    """Number of elements."""
    total = 1
    for side in shape:
        total *= side
    return total


def without_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without the prefixes that wrappers put before all of them."""
    out = dict(tensors)
    changed = True
    while changed and out:
        changed = False
        for prefix in PREFIXES:
            if all(name.startswith(prefix) and len(name) > len(prefix) for name in out):
                out = {name[len(prefix) :]: t for name, t in out.items()}
                changed = True
    return out


def content_hash(tensors: Mapping[str, Tensor], *, graph: str = "") -> str:
    """sha256 over sorted names, kinds, shapes and bytes: the same weights in any file format.

    Args:
        graph: of a program, which computes something else with the same weights.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        t = tensors[name]
        digest.update(json.dumps([name, t.dtype, t.shape]).encode())
        digest.update(t.data)
    digest.update(graph.encode())
    return digest.hexdigest()


def write(path: str, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file: names sorted, no metadata, header padded to 8 bytes."""
    header: dict[str, object] = {}
    start = 0
    for name in sorted(tensors):
        t = tensors[name]
        header[name] = {"dtype": t.dtype, "shape": list(t.shape), "data_offsets": [start, start + t.data.nbytes]}
        start += t.data.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in sorted(tensors):
            file.write(tensors[name].data)


def check_names(tensors: Mapping[str, Tensor]) -> None:
    """Names that every other part can print and look up."""
    if not tensors:
        raise Refusal("The file holds no tensors: save model.state_dict() and upload that.")
    for name in tensors:
        if not name or len(name) > 500 or not name.isprintable():
            raise Refusal(f"The tensor name {quoted(name)} cannot be used: it is empty, too long or not printable.")
