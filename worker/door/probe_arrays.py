"""Arrays by name, out of the files in which people keep samples."""

import csv
import os
import struct
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from kinscape.worker.door import safetensors_file, torch_file
from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.refusal import Refusal, check_readable, quoted
from kinscape.worker.door.zips import ZIP_ERRORS

Array = npt.NDArray[Any]
# Samples are held in memory whole.
LARGEST = 2 << 30
# Images compress to a tenth, masks and one-hot rows to a hundredth.
MOST_GROWTH = 100
SMALL = 256 << 20
SAVE = "save it with numpy.savez(path, x=samples, y=labels)"
ZIP, NPY = b"PK\x03\x04", b"\x93NUMPY"
KINDS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
    "U16": "<u2",
    "U32": "<u4",
    "U64": "<u8",
}
# A table of text: printable from its first bytes on.
SEEN_BYTES = 4096


def arrays_of(path: str, *, pickles: bool) -> dict[str, Array]:
    """The arrays of a file; a lone array is called x, and of two without names the second y.

    Args:
        pickles: whether files of torch.save may be read.
    """
    with open(path, "rb") as file:
        start = file.read(SEEN_BYTES)
    if start.startswith(NPY):
        with open(path, "rb") as file:
            return {"x": _read(file, "x", save=SAVE)}
    if start.startswith(ZIP):
        return _zipped(path, pickles=pickles)
    if safetensors_file.looks_like(path):
        return _as_arrays(safetensors_file.read(path)[0])
    if b"," in start and _is_text(start):
        return _table(path)
    raise Refusal(f"This is no file of samples that is known (.npz, .npy, .safetensors, .pt, .csv); {SAVE}.")


def _zipped(path: str, *, pickles: bool) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if len({i.filename for i in infos}) != len(infos):
                raise Refusal(f"The file names an array twice; {SAVE}.")
            check_readable(infos)
            names = [i.filename for i in infos if i.filename.endswith(".npy")]
            if len(names) < len(infos):
                if pickles and any(i.filename.endswith("/data.pkl") for i in infos):
                    return _as_arrays(torch_file.read_tensors(path))
                raise Refusal(f"This zip archive holds no arrays of numpy; {SAVE}.")
            size = sum(i.file_size for i in infos)
            if size > LARGEST:
                raise Refusal(f"The arrays are larger than {LARGEST >> 30} GiB; use fewer samples.")
            if size > max(SMALL, MOST_GROWTH * os.path.getsize(path)):
                raise Refusal(
                    f"The file unpacks to {size >> 20} MiB, more than {MOST_GROWTH} times what it has: nearly all of "
                    "it is the same value. Save fewer samples, or without compression (numpy.savez)."
                )
            return {n.removesuffix(".npy"): read_array(archive, n) for n in names}
    except ZIP_ERRORS as error:
        raise Refusal(f"The file is damaged or cut off; {SAVE}, and upload it again.") from error


def read_array(archive: zipfile.ZipFile, name: str, *, save: str = SAVE) -> Array:
    """An array of an archive, never by unpickling."""
    with archive.open(name) as member:
        return _read(member, name, save=save)


def _read(file: IO[bytes], name: str, *, save: str) -> Array:
    try:
        _check_header(file, name)
        file.seek(0)
        array: Array = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, MemoryError, SyntaxError, TypeError) as error:
        raise Refusal(
            f"The array {quoted(name)} is damaged, or holds Python objects, which are never read; {save}."
        ) from error
    return array


def _check_header(member: IO[bytes], name: str) -> None:
    """Refuse what would not fit before any of it is unpacked."""
    version = np.lib.format.read_magic(member)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, _ = reader(member)
    values = 1
    for side in shape:
        values *= side
    if values * 4 > LARGEST:
        raise Refusal(f"The array {quoted(name)} has the shape {shape}: at most {LARGEST >> 30} GiB are read.")


def _as_arrays(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Tensors of a file as arrays; bfloat16 as the float32 that it is the upper half of."""
    out: dict[str, Array] = {}
    for name, tensor in tensors.items():
        if tensor.dtype == "BF16":
            halves = np.frombuffer(tensor.data, "<u2").astype("<u4") << 16
            out[name] = halves.view("<f4").reshape(tensor.shape)
        elif tensor.dtype in KINDS:
            out[name] = np.frombuffer(tensor.data, KINDS[tensor.dtype]).reshape(tensor.shape)
        else:
            raise Refusal(f"{quoted(name)} has the type {tensor.dtype}; save it as float32.")
    return out


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8-sig", errors="strict" if len(start) < SEEN_BYTES else "ignore")
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c in "\r\n\t" for c in text)


def _table(path: str) -> dict[str, Array]:
    """The columns of a CSV file: labels by their name, all others together as x."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error, struct.error) as error:
        raise Refusal("The table is not UTF-8 text of one kind of lines; save it as CSV again.") from error
    head, *body = [row for row in rows if row]
    wide = {len(row) for row in body}
    if not body or wide != {len(head)}:
        raise Refusal("The table needs a first line of names, and as many values in every line.")
    try:
        values = np.array([[float(v) for v in row] for row in body])
    except ValueError as error:
        raise Refusal(f"The table holds text where a number belongs: {str(error)[:80]}.") from error
    labels = [k for k, name in enumerate(head) if name.strip().lower() in ("y", "label", "labels", "target", "class")]
    if len(labels) > 1:
        raise Refusal(f"Several columns could be the labels ({', '.join(quoted(head[k]) for k in labels)}): keep one.")
    others = [k for k in range(len(head)) if k not in labels]
    found: dict[str, Array] = {"x": values[:, others]}
    return found | ({"y": values[:, labels[0]]} if labels else {})
