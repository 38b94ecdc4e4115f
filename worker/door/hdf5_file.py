"""Weights out of HDF5 files, as Keras writes them, and out of its own archives, which hold one.

The format is read by pyfive, which is written in Python alone: a hostile file meets no C library.
"""

import zipfile
from collections.abc import Iterator
from itertools import count as count_up
from typing import Any

from kinscape.worker.door.canonical import ITEM_BYTES, NUMPY_TYPES, Tensor, count
from kinscape.worker.door.kernel_layout import in_order_of_pytorch
from kinscape.worker.door.refusal import Refusal, check_readable, quoted
from kinscape.worker.door.zips import ZIP_ERRORS

MAGIC = b"\x89HDF"
# What Keras calls the weights inside its archive.
WEIGHTS = "model.weights.h5"
# States of training at the top of a file, and the generator of any layer that draws.
TRAINING, DRAWS = ("optimizer", "optimizer_weights"), "seed_generator"
# A data set in one piece, and where it lies when it lies nowhere in the file.
CONTIGUOUS, NOWHERE = 1, 2**64 - 1
MOST_TOLD = 8
DEEPEST, MOST_GROUPS = 32, 200_000
# Kinds of numpy that weights are of: floating-point and whole numbers.
NUMBERS = "fiu"
# Filters that pack values; weights hardly shrink by them, so what grows more is a bomb.
MOST_GROWTH, SMALL = 4, 60 << 20
DAMAGED = (
    "The HDF5 file is damaged, or uses what is not read here (links to other files, virtual data sets, data kept "
    "elsewhere, the layouts of libver='latest'): save the weights with model.save_weights(path), or numpy.savez."
)


def read(path: str) -> tuple[dict[str, Tensor], list[str]]:
    """The arrays of a file by the names of their groups, but for those of an optimiser; and what was left out.

    Raises:
        Refusal: the file is damaged, holds no numbers, or grows far beyond its size.
    """
    import warnings

    import pyfive

    try:
        with warnings.catch_warnings(action="ignore"), open(path, "rb") as file, pyfive.File(file) as whole:
            size = file.seek(0, 2)
            every = list(_arrays(whole, (), count_up()))
            numbers = [(path, data) for path, data in every if data.dtype.kind in NUMBERS]
            short = {_named(path) for path, _ in numbers}
            # Two places that would have one name keep their whole paths.
            is_clear = len(short) == len(numbers)
            found = {_named(path) if is_clear else ".".join(path): data for path, data in numbers}
            if len(found) < len(numbers):
                raise Refusal("Two arrays of the HDF5 file would have one name; save it with numpy.savez.")
            others = ["/".join(path) for path, data in every if data.dtype.kind not in NUMBERS]
            _check(found, size)
            out = {name: _tensor(name, data) for name, data in found.items()}
    except Refusal:
        raise
    except (RecursionError, MemoryError):
        raise
    except Exception as error:  # a library that trusts its files raises whatever a damaged one leads it to
        raise Refusal(DAMAGED) from error
    if not out:
        raise Refusal("The HDF5 file holds no weights; save it with model.save_weights(path).")
    names = ", ".join(quoted(n) for n in others[:MOST_TOLD])
    turned, told = in_order_of_pytorch(out)
    return turned, told + ([f"Left out, as texts or records: {names}."] if others else [])


def unpacked(path: str, folder: str) -> str:
    """The weights inside an archive of Keras, unpacked.

    Raises:
        Refusal: the archive is damaged, or holds none.
    """
    place = f"{folder}/{WEIGHTS}"
    try:
        with zipfile.ZipFile(path) as archive:
            check_readable(archive.infolist())
            info = archive.getinfo(WEIGHTS)
            if info.file_size > MOST_GROWTH * max(info.compress_size, SMALL):
                raise Refusal("The archive unpacks to far more than it holds; save the weights alone.")
            with archive.open(info) as stream, open(place, "wb") as out:
                while piece := stream.read(1 << 20):
                    out.write(piece)
    except ZIP_ERRORS as error:
        raise Refusal("The archive is damaged or cut off; save the model again.") from error
    return place


def _arrays(group: Any, path: tuple[str, ...], visits: "count_up[int]") -> Iterator[tuple[tuple[str, ...], Any]]:
    """Data sets by the path of their groups. A group may lie in itself: the number of visits is bounded."""
    if len(path) > DEEPEST or next(visits) > MOST_GROUPS:
        raise Refusal(DAMAGED)
    for name in group:
        if (not path and name in TRAINING) or name == DRAWS:
            continue
        inner = group[name]
        if not hasattr(inner, "shape"):
            yield from _arrays(inner, (*path, name), visits)
        elif inner.shape is not None:
            _check_stored(inner)
            yield (*path, name), inner


def _check_stored(data: Any) -> None:
    """Refuse a data set whose values lie in another file, or were never written."""
    if data.id.layout_class == CONTIGUOUS and data.id.data_offset in (None, NOWHERE) and count(data.shape):
        raise Refusal(DAMAGED)


def _named(path: tuple[str, ...]) -> str:
    """A name such as ``dense.kernel``: older files repeat the layer's name, and number a tensor's graph."""
    parts = [p.replace("/", ".").removesuffix(":0") for p in path if p not in ("model_weights", "layers", "vars")]
    return ".".join(p for k, p in enumerate(parts) if k == 0 or p != parts[k - 1])


def _check(found: dict[str, Any], size: int) -> None:
    total = sum(count(data.shape) * data.dtype.itemsize for data in found.values())
    if total > MOST_GROWTH * size + SMALL:
        raise Refusal(
            f"The file has {size:,} bytes and its arrays {total:,}: at most {MOST_GROWTH} times its size is read; save "
            "it without compression."
        )


def _tensor(name: str, data: Any) -> Tensor:
    kind = data.dtype.newbyteorder("<").str.lstrip("<|")
    dtype = NUMPY_TYPES.get(kind)
    if dtype is None:
        raise Refusal(f"The array {quoted(name)} holds {quoted(kind)} values, which are not read: save it as float32.")
    shape = tuple(int(side) for side in data.shape)
    values = data[()].astype(data.dtype.newbyteorder("<"), copy=False)
    raw = values.tobytes()
    if len(raw) != count(shape) * ITEM_BYTES[dtype]:
        raise Refusal(f"The array {quoted(name)} is damaged; save the file again.")
    return Tensor(dtype, shape, memoryview(raw))
