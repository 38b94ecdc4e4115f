"""Arrays by name, out of the files in which people keep samples."""

import csv
import gzip
import io
import itertools
import os
import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from kinscape.worker.door import idx_file, numpy_pickle, probe_images, safetensors_file, torch_file
from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.packed import members_of
from kinscape.worker.door.refusal import Refusal, check_readable, quoted
from kinscape.worker.door.zips import ZIP_ERRORS

Array = npt.NDArray[Any]
# Samples are held in memory whole.
LARGEST = 2 << 30
# Images compress to a tenth, masks and one-hot rows to a hundredth.
MOST_GROWTH = 100
SMALL = 256 << 20
SAVE = "save it with numpy.savez(path, x=samples, y=labels)"
ZIP, NPY, PICKLE, GZIP, PARQUET = b"PK\x03\x04", b"\x93NUMPY", b"\x80", b"\x1f\x8b", b"PAR1"
# Where a tar archive says that it is one.
TAR_AT, TAR = 257, b"ustar"
CIFAR_SIDE, CIFAR_VALUES = 32, 3072
KNOWN = (".npz", ".npy", ".safetensors", ".pt", ".csv", "IDX", "CIFAR batches", "a zip of class folders with images")
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


def arrays_of(path: str, *, pickles: bool, told: list[str]) -> dict[str, Array]:
    """The arrays of a file; a lone array is called x, and of two without names the second y.

    Args:
        pickles: whether files of torch.save may be read.
        told: takes what its user should know.
    """
    with open(path, "rb") as file:
        start = file.read(SEEN_BYTES)
    if start.startswith(NPY):
        with open(path, "rb") as file:
            return {"x": _read(file, "x", save=SAVE)}
    if safetensors_file.looks_like(path):
        return _as_arrays(safetensors_file.read(path)[0])
    if start.startswith(ZIP):
        return _zipped(path, pickles=pickles, told=told)
    if start.startswith(GZIP) or start[TAR_AT : TAR_AT + len(TAR)] == TAR:
        return _archive(path, told=told) if _is_tar(path) else _of_bytes(_unzipped(path))
    if start.startswith(PICKLE) and pickles:
        return _pickled(path, told=told)
    if idx_file.looks_like(start):
        with open(path, "rb") as file:
            return _of_bytes(file.read())
    if b"," in start and _is_text(start):
        return _table(path)
    if start.startswith(PARQUET):
        raise Refusal(f"This is a Parquet file: read it with pandas, and {SAVE}.")
    raise Refusal(f"This is no file of samples that is known ({', '.join(KNOWN)}); {SAVE}.")


def _of_bytes(data: bytes) -> dict[str, Array]:
    """The array in a file of IDX; labels are called y."""
    if not idx_file.looks_like(data[:4]):
        raise Refusal(f"The compressed file holds no samples that are known (IDX); {SAVE}.")
    array = idx_file.read(data)
    return {"y" if array.ndim == 1 else "x": array}


def _is_tar(path: str) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (OSError, EOFError, zlib.error):
        return False


def _unzipped(path: str) -> bytes:
    with open(path, "rb") as file:
        return _inflated(file, os.path.getsize(path))


def _inflated(packed: IO[bytes], size: int) -> bytes:
    """What a gzip file holds.

    Raises:
        Refusal: it is damaged, or a bomb.
    """
    most = max(SMALL, MOST_GROWTH * size)
    try:
        with gzip.open(packed) as file:
            data = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Refusal(f"The file is damaged or cut off; {SAVE}, and upload it again.") from error
    if len(data) > most:
        raise Refusal(f"The file unpacks to more than {MOST_GROWTH} times what it has; {SAVE}.")
    return data


def _archive(path: str, *, told: list[str]) -> dict[str, Array]:
    """Images in class folders, or the files of IDX of a data set: images and labels."""
    with members_of(path) as members:
        names = []
        parts: dict[str, Array] = {}
        left = max(SMALL, MOST_GROWTH * os.path.getsize(path))
        for member in itertools.islice(members, probe_images.MOST_IMAGES):
            names.append(member.name)
            left -= member.size
            if "ubyte" not in member.name.rpartition("/")[2] or left < 0:
                continue
            stream = member.open()
            raw = b"" if stream is None else stream.read(member.size)
            found = _of_bytes(_inflated(io.BytesIO(raw), len(raw)) if raw.startswith(GZIP) else raw)
            if set(found) & set(parts):
                raise Refusal(
                    "The archive holds several data sets (train and test?): pack the images and labels of one."
                )
            parts |= found
    if parts:
        return parts
    if not probe_images.has_images(names):
        raise Refusal(f"The archive holds no arrays, no IDX files and no images in class folders; {SAVE}.")
    images = probe_images.read(path)
    told += images.told
    return {"x": images.x} | ({} if images.y is None else {"y": images.y})


def _pickled(path: str, *, told: list[str]) -> dict[str, Array]:
    """Arrays of a pickle, such as a batch of CIFAR: rows of colours, and labels in a list."""
    tensors, _, value = numpy_pickle.read(path)
    found = _as_arrays(tensors)
    plain = (
        {k.decode(errors="replace") if isinstance(k, bytes) else k: v for k, v in value.items()}
        if isinstance(value, dict)
        else {}
    )
    for name in ("labels", "fine_labels"):
        numbers = plain.get(name)
        if name not in found and isinstance(numbers, list) and all(type(n) is int and abs(n) < 2**31 for n in numbers):
            found["y"] = np.array(numbers, np.int64)
    data = found.get("data")
    if data is not None and data.ndim == 2 and data.shape[1] == CIFAR_VALUES and data.dtype == np.uint8:
        found["data"] = data.reshape(len(data), 3, CIFAR_SIDE, CIFAR_SIDE)
        told.append(f"Rows of {CIFAR_VALUES} bytes were read as CIFAR images, 3×{CIFAR_SIDE}×{CIFAR_SIDE}.")
    if not found:
        raise Refusal(f"No arrays of numpy were found in the pickle; {SAVE}.")
    return {"x" if list(found) == ["x"] else name: array for name, array in found.items()}


def _zipped(path: str, *, pickles: bool, told: list[str]) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if len({i.filename for i in infos}) != len(infos):
                raise Refusal(f"The file names an array twice; {SAVE}.")
            check_readable(infos)
            names = [i.filename for i in infos if i.filename.endswith(".npy")]
            if len(names) < len(infos):
                if pickles and any(i.filename.endswith("/data.pkl") for i in infos):
                    with open(path, "rb") as file:
                        return _as_arrays(torch_file.read_tensors(file))
                return _archive(path, told=told)
            _check_growth(sum(i.file_size for i in infos), os.path.getsize(path))
            return {n.removesuffix(".npy"): read_array(archive, n) for n in names}
    except ZIP_ERRORS as error:
        raise Refusal(f"The file is damaged or cut off; {SAVE}, and upload it again.") from error


def _check_growth(size: int, packed: int) -> None:
    if size > LARGEST:
        raise Refusal(f"The arrays are larger than {LARGEST >> 30} GiB; use fewer samples.")
    if size > max(SMALL, MOST_GROWTH * packed):
        raise Refusal(
            f"The file unpacks to {size >> 20} MiB, more than {MOST_GROWTH} times what it has: nearly all of it is the "
            "same value. Save fewer samples, or without compression (numpy.savez)."
        )


def read_array(archive: zipfile.ZipFile, name: str, *, save: str = SAVE) -> Array:
    """An array of an archive, never by unpickling."""
    with archive.open(name) as member:
        return _read(member, name, save=save)


def _read(file: IO[bytes], name: str, *, save: str) -> Array:
    try:
        _check_header(file, name)
        file.seek(0)
        array: Array = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, MemoryError, SyntaxError, TypeError, RecursionError, tokenize.TokenError) as error:
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
