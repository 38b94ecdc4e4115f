"""Weights out of files that torch wrote: torch.save of today and of before 1.6, and TorchScript."""

import mmap
import os
import struct
import zipfile
from collections.abc import Callable, Iterable
from typing import IO, Any, NamedTuple

from kinscape.worker.door import unpickler
from kinscape.worker.door.canonical import ITEM_BYTES, Tensor, count
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.door.strided import strided
from kinscape.worker.door.unpickler import DeferredCall, Persistent
from kinscape.worker.door.weight_sets import QUANTISED, SAVE, chosen, is_tensor, rebuilt
from kinscape.worker.door.zips import ZIP_ERRORS

STORAGES = {
    "FloatStorage": "F32",
    "DoubleStorage": "F64",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "QInt8Storage": "I8",
    "QUInt8Storage": "U8",
}
# No array of numpy has more, and no layer of a network.
MOST_AXES = 64
# The pickle holds names and shapes only; tensors lie beside it.
LARGEST_PICKLE = 256 << 20
# Where torch keeps the packed weights of quantised LSTM and GRU.
PACKED_CELLS = "_all_weight_values"
# What is written may be so many times the file, and so much more (worker/loading/sandbox.py).
MOST_GROWTH = 4
SMALL = 60 << 20
# The first pickle of a file of before torch 1.6 holds this number.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
# What precedes the bytes of a storage there: its number of elements.
LEGACY_SIZE = struct.Struct("<q")


class TorchWeights(NamedTuple):
    """The weights of a file.

    Attributes:
        tied: tensors that are another one, by name.
        told: what a user should know of the choice.
    """

    tensors: dict[str, Tensor]
    tied: dict[str, str]
    told: list[str]


def read(path: str, *, wanted: str = "") -> TorchWeights:
    """One set of weights in an archive of torch.save or TorchScript."""
    try:
        with zipfile.ZipFile(path) as archive:
            root = _checked(archive)
            names = archive.namelist()
            order = _member(archive, f"{root}/byteorder", 100) if f"{root}/byteorder" in names else b"little"
            if order.strip() != b"little":
                raise Refusal("The file was saved on a big-endian machine; save it on another one.")
            value = unpickler.load(_member(archive, f"{root}/data.pkl", LARGEST_PICKLE))
            storages: dict[str, memoryview] = {}

            def bytes_of(key: str) -> memoryview:
                if key not in storages:
                    storages[key] = memoryview(_member(archive, f"{root}/data/{key}", 1 << 40))
                return storages[key]

            return _put_together(value, wanted, bytes_of, file_bytes=os.path.getsize(path))
    except ZIP_ERRORS as error:
        raise Refusal(f"The file is damaged or cut off; {SAVE}, and upload it again.") from error


def read_tensors(file: IO[bytes]) -> dict[str, Tensor]:
    """The tensors of an archive of torch.save: those of a dictionary, or x and y of one or two without names."""
    try:
        size = file.seek(0, os.SEEK_END)
        with zipfile.ZipFile(file) as archive:
            root = _checked(archive)
            value = unpickler.load(_member(archive, f"{root}/data.pkl", LARGEST_PICKLE))
            if is_tensor(value):
                value = (value,)
            if isinstance(value, tuple | list):
                value = dict(zip(("x", "y"), value, strict=False))
            found = {k: v for k, v in value.items() if isinstance(k, str) and is_tensor(v)}
            places = {name: _place(name, made) for name, made in found.items()}
            _check_growth(places.values(), size)

            def bytes_of(key: str) -> memoryview:
                return memoryview(_member(archive, f"{root}/data/{key}", 1 << 40))

            return {name: _tensor(name, place, bytes_of) for name, place in places.items()}
    except (*ZIP_ERRORS, AttributeError) as error:
        raise Refusal("The file is damaged, or holds no tensors; save a dictionary of x and y.") from error


def read_legacy(path: str, *, wanted: str = "") -> TorchWeights:
    """One set of weights in a file of torch.save of before 1.6: pickles in a row, then storages.

    Source: ``torch.serialization._legacy_save``.
    """
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if unpickler.load(data) != LEGACY_MAGIC or unpickler.load(data) != LEGACY_PROTOCOL:
        raise Refusal(f"This is a pickle that torch.save did not write (joblib, pickle.dump); {SAVE}.")
    about = unpickler.load(data)
    if not isinstance(about, dict) or about.get("little_endian") is not True:
        raise Refusal("The file was saved on a big-endian machine; save it on another one.")
    seen: list[Persistent] = []
    value = unpickler.load(data, seen=seen)
    dtypes = dict(_storage(s) for s in seen)
    keys = unpickler.load(data)
    whole, at = memoryview(data), data.tell()
    storages: dict[str, memoryview] = {}
    for key in keys if isinstance(keys, list) else []:
        if not isinstance(key, str) or key not in dtypes or at + LEGACY_SIZE.size > whole.nbytes:
            raise Refusal(f"The file is damaged or cut off; {SAVE}, and upload it again.")
        (elements,) = LEGACY_SIZE.unpack(whole[at : at + LEGACY_SIZE.size])
        start = at + LEGACY_SIZE.size
        at = start + elements * ITEM_BYTES[dtypes[key]]
        if elements < 0 or at > whole.nbytes:
            raise Refusal(f"The file is damaged or cut off; {SAVE}, and upload it again.")
        storages[key] = whole[start:at]

    def bytes_of(key: str) -> memoryview:
        if key not in storages:
            raise Refusal(f"The file lacks its part {quoted(key)}; {SAVE}.")
        return storages[key]

    return _put_together(value, wanted, bytes_of, file_bytes=len(data))


def _storage(seen: Persistent) -> tuple[str, str]:
    """Key and type of a storage that a pickle refers to."""
    try:
        kind, stored_as, key = seen.id[0], seen.id[1], seen.id[2]
        dtype = STORAGES[stored_as.name]
        is_view = len(seen.id) > 5 and seen.id[5] is not None
    except (AttributeError, TypeError, KeyError, IndexError) as error:
        raise Refusal(f"The file holds a storage that is not an ordinary one; {SAVE}.") from error
    if kind != "storage" or not isinstance(key, str) or not key.isalnum() or is_view:
        raise Refusal(f"The file holds a storage that is not an ordinary one; {SAVE}.")
    return key, dtype


def _checked(archive: zipfile.ZipFile) -> str:
    infos = archive.infolist()
    names = [i.filename for i in infos]
    roots = {n.split("/", 1)[0] for n in names}
    if len(names) != len(set(names)) or len(roots) != 1 or not infos:
        raise Refusal(f"This zip file was not written by torch.save; {SAVE}.")
    if min(i.header_offset for i in infos) != 0:
        raise Refusal(
            f"Something stands before the zip archive in this file; {SAVE}. If it is a part of a distributed "
            "checkpoint (.distcp), pack its whole folder, .metadata included, into one zip or tar file."
        )
    root = roots.pop()
    if f"{root}/data.pkl" not in names:
        raise Refusal(f"This zip file was not written by torch.save; {SAVE}.")
    return root


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise Refusal(f"The file lacks its part {quoted(name)}; {SAVE}.") from error
    # TorchScript compresses its code, which is never read; what is read is stored, so nothing grows.
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise Refusal(f"The part {quoted(name)} is compressed, which torch.save never does; {SAVE}.")
    if info.file_size > most:
        raise Refusal(f"The part {quoted(name)} of the file is far too large; {SAVE}.")
    return archive.read(info)


def _put_together(value: Any, wanted: str, bytes_of: Callable[[str], memoryview], *, file_bytes: int) -> TorchWeights:
    (weights, left_out), others = chosen(value, wanted)
    told = []
    if others:
        names = ", ".join(quoted(o) for o in others[:8])
        told.append(f"The file also holds {names}: to compare one of these, upload it again with weights={others[0]}.")
    if left_out:
        names = ", ".join(quoted(o) for o in left_out[:8])
        told.append(f"Left out, as no ordinary tensors: {names}.")
        if any(PACKED_CELLS in name for name in left_out):
            told.append("Quantised LSTM and GRU are among them, packed by torch: upload the network before that.")
    tensors: dict[str, Tensor] = {}
    first: dict[Any, str] = {}
    tied: dict[str, str] = {}
    places = {name: _place(name, made) for name, made in weights.items()}
    _check_growth(places.values(), file_bytes)
    for name, place in places.items():
        if first.setdefault(place, name) != name and count(place.shape):
            tied[name] = first[place]
        tensors[name] = _tensor(name, place, bytes_of)
        inner = rebuilt(weights[name])
        if inner.by.name == QUANTISED:
            from kinscape.worker.door import quantised

            scales = quantised.scales_of(name, inner, lambda part: _tensor("scales", _place("scales", part), bytes_of))
            tensors[name] = quantised.as_numbers(name, tensors[name], scales)
    if any(rebuilt(made).by.name == QUANTISED for made in weights.values()):
        told.append("Quantised weights are read as the numbers that they stand for.")
    return TorchWeights(tensors, tied, told)


def _check_growth(places: Iterable["_Place"], file_bytes: int) -> None:
    """Refuse tensors that show the same bytes so often that they would not fit where they are written."""
    total = sum(count(place.shape) * ITEM_BYTES[place.dtype] for place in places)
    most = MOST_GROWTH * file_bytes + SMALL
    if total > most:
        raise Refusal(
            f"The file has {file_bytes:,} bytes and its tensors {total:,}: they are views of the same ones. At most "
            f"{most:,} are read; save each tensor once, after .contiguous()."
        )


class _Place(NamedTuple):
    """Where a tensor lies in a storage, in elements."""

    dtype: str
    key: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def _place(name: str, made: DeferredCall) -> _Place:
    inner = rebuilt(made)
    try:
        storage, offset, shape, stride = inner.arguments[:4]
    except (AttributeError, TypeError, ValueError) as error:
        raise Refusal(f"Tensor {quoted(name)} is not an ordinary tensor; {SAVE}.") from error
    numbers = [offset, *shape, *stride] if isinstance(shape, tuple) and isinstance(stride, tuple) else [None]
    if not all(type(n) is int and 0 <= n < 2**40 for n in numbers) or len(shape) != len(stride):
        raise Refusal(f"The shape of tensor {quoted(name)} makes no sense; save the file again.")
    if len(shape) > MOST_AXES:
        raise Refusal(f"Tensor {quoted(name)} has {len(shape)} dimensions; at most {MOST_AXES} are read.")
    if not isinstance(storage, Persistent):
        raise Refusal(f"Tensor {quoted(name)} is not an ordinary tensor; {SAVE}.")
    key, dtype = _storage(storage)
    return _Place(dtype, key, offset, shape, stride)


def _tensor(name: str, place: _Place, bytes_of: Callable[[str], memoryview]) -> Tensor:
    data = bytes_of(place.key)
    if count(place.shape) == 0:
        return Tensor(place.dtype, place.shape, memoryview(b""))
    return strided(name, place.dtype, data, offset=place.offset, shape=place.shape, stride=place.stride)
