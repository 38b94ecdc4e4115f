"""The one form that everything else opens: safetensors with sorted names, and its hash."""

import hashlib
import json
import re
import struct
from collections.abc import Iterable, Mapping
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
# The same by numpy's short names, little-endian.
NUMPY_TYPES = {
    "f8": "F64",
    "f4": "F32",
    "f2": "F16",
    "i8": "I64",
    "i4": "I32",
    "i2": "I16",
    "i1": "I8",
    "u1": "U8",
    "u2": "U16",
    "u4": "U32",
    "u8": "U64",
    "b1": "BOOL",
}
PREFIXES = ("module.", "_orig_mod.", "_fsdp_wrapped_module.", "model.", "net.", "network.", "backbone.")
ADAPTER = ".lora_A"
# What training modules hold beside the network: weights of classes in a loss, counts of a metric.
LOSS = re.compile(r"(criterion|loss|\w+_loss|loss_\w+|metrics?|\w+_(acc|accuracy|metrics?))")


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


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Names without what wrappers put before all of them; tensors of a loss beside the model are left out.

    A first part that all names share is a wrapper's if it is a known one, or if several modules lie under it.
    """
    out = {n: n for n in names}
    # An adapter's names say where in another model it belongs: nothing in front of them is only a wrapper's.
    while not any(ADAPTER in n for n in out):
        beside = {n for n, short in out.items() if LOSS.fullmatch(short.split(".", 1)[0])}
        model = {n: short for n, short in out.items() if n not in beside}
        prefix = _wrapper(set(model.values()), known=bool(beside))
        if not prefix:
            return out
        out = {n: short[len(prefix) :] for n, short in model.items()}
    return out


def _wrapper(names: set[str], *, known: bool) -> str:
    """What stands before all names, such as ``model.``; empty where nothing does.

    Args:
        known: whether it must be a wrapper's usual name.
    """
    first = {n.split(".", 1)[0] for n in names}
    if len(first) != 1 or not all("." in n for n in names):
        return ""
    prefix = f"{first.pop()}."
    if prefix in PREFIXES:
        return prefix
    inside = {rest.split(".", 1)[0] for n in names if "." in (rest := n[len(prefix) :])}
    return prefix if len(inside) > 1 and not known else ""


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
