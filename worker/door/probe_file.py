"""Probe sets out of .npz files."""

import zipfile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.refusal import Refusal, quoted

# Samples are held in memory whole.
LARGEST = 2 << 30
# Kernel matrices are quadratic in samples.
MOST_SAMPLES = 1_000_000
SAVE = "save it with numpy.savez(path, x=samples, y=labels)"


def read(path: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Samples ``x``, labels ``y`` where given, and what was found in them."""
    with open(path, "rb") as file:
        if file.read(4) != b"PK\x03\x04":
            raise Refusal(f"This is not an .npz file; {SAVE}.")
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {n.removesuffix(".npy"): read_array(archive, n) for n in _names(archive)}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as error:
        raise Refusal(f"The file is damaged or cut off; {SAVE}, and upload it again.") from error
    if "x" not in arrays:
        has = ", ".join(quoted(n) for n in list(arrays)[:8]) or "none"
        raise Refusal(f"The file has no array named x (it has {has}); {SAVE}.")
    x = _samples(arrays["x"])
    y = _labels(arrays["y"], len(x)) if "y" in arrays else None
    tensors = {"x": Tensor("F32", x.shape, memoryview(x.tobytes()))}
    if y is not None:
        tensors["y"] = Tensor("I64", y.shape, memoryview(y.tobytes()))
    return tensors, _facts(x, y)


def _names(archive: zipfile.ZipFile) -> list[str]:
    infos = archive.infolist()
    if sum(i.file_size for i in infos) > LARGEST:
        raise Refusal(f"The arrays are larger than {LARGEST >> 30} GiB; use fewer samples.")
    if len({i.filename for i in infos}) != len(infos):
        raise Refusal(f"The file names an array twice; {SAVE}.")
    return [i.filename for i in infos if i.filename in ("x.npy", "y.npy") or len(infos) < 20]


def read_array(archive: zipfile.ZipFile, name: str, *, save: str = SAVE) -> npt.NDArray[Any]:
    """An array of an archive, never by unpickling."""
    try:
        with archive.open(name) as member:
            _check_header(member, name)
            member.seek(0)
            array: npt.NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
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


def _samples(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if x.ndim < 2 or 0 in x.shape:
        raise Refusal(f"x has the shape {x.shape}; it must be (samples, …) with at least one value per sample.")
    if len(x) > MOST_SAMPLES:
        raise Refusal(f"x has {len(x)} samples: a probe set holds at most {MOST_SAMPLES}; use fewer.")
    if x.dtype.kind not in "fiub":
        raise Refusal(f"x holds {x.dtype.name} values; it must hold real numbers.")
    values = x.astype(np.float32)
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise Refusal(f"x holds {bad} values that are NaN, infinite or too large for float32; remove them.")
    return values[:, None] if values.ndim == 3 else values


def _labels(y: npt.NDArray[Any], samples: int) -> npt.NDArray[np.int64]:
    if y.shape != (samples,):
        raise Refusal(f"y has the shape {y.shape}; with {samples} samples it must be ({samples},).")
    if y.dtype.kind not in "fiub" or not bool(np.isfinite(y).all()) or bool((y != np.floor(y)).any()):
        raise Refusal("y must hold whole numbers, one class number per sample, counted from 0.")
    if bool((y < 0).any()) or bool((y > 99_999).any()):
        raise Refusal(f"y holds labels from {y.min()} to {y.max()}; they must lie between 0 and 99999.")
    return y.astype("<i8")


def _facts(x: npt.NDArray[np.float32], y: npt.NDArray[np.int64] | None) -> dict[str, Any]:
    flat = np.ascontiguousarray(x.reshape(len(x), -1))
    unique = len({row.tobytes() for row in flat})
    return {
        "samples": len(x),
        "shape": list(x.shape[1:]),
        "duplicates": len(x) - unique,
        "constant_features": int((flat == flat[:1]).all(0).sum()) if len(x) > 1 else 0,
        "classes": None if y is None else int(y.max()) + 1,
        "class_counts": [] if y is None else np.bincount(y).tolist()[:1000],
    }
