"""Probe sets: which arrays are samples and labels, and what was done to them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.probe_arrays import SAVE, Array, arrays_of
from kinscape.worker.door.refusal import Refusal, quoted

# Kernel matrices are quadratic in samples.
MOST_SAMPLES = 1_000_000
SAMPLES = ("x", "x_test", "test_images", "images", "data", "inputs", "features", "input_ids")
LABELS = ("y", "y_test", "test_labels", "labels", "fine_labels", "label", "targets", "target")
# What stands beside tokens in many files, and is no sample.
MASK = "attention_mask"
COLOURS = (1, 3, 4)
# Words by which a user overrides what is recognised.
RAW, AS_GIVEN = "raw", "as-given"
BYTE = 255


def read(path: str, *, pickles: bool, wanted: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Samples ``x``, labels ``y`` where given, and what was found in them.

    Args:
        wanted: ``raw`` keeps bytes as they are, ``as-given`` keeps the order of axes.
    """
    told: list[str] = []
    arrays = {name.strip(): values for name, values in arrays_of(path, pickles=pickles, told=told).items()}
    x_name, y_name = _chosen(arrays, told)
    x = _samples(arrays[x_name], wanted.split(), told)
    y = _labels(arrays[y_name], x, told) if y_name else None
    tensors = {"x": Tensor("F32", x.shape, memoryview(x.tobytes()))}
    if y is not None:
        tensors["y"] = Tensor("I64", y.shape, memoryview(y.tobytes()))
    mask = next((values for name, values in arrays.items() if name.lower() == MASK), None)
    if mask is not None:
        tensors["mask"] = _mask(mask, x.shape, told)
    return tensors, {**_facts(x, y), "told": told}


def _chosen(arrays: dict[str, Array], told: list[str]) -> tuple[str, str]:
    """Names of samples and labels; that of labels empty where there are none."""
    low = {name.lower(): name for name in arrays}
    x = next((low[n] for n in SAMPLES if n in low), None)
    if x is None:
        has = ", ".join(quoted(n) for n in list(arrays)[:8]) or "none"
        raise Refusal(f"The file has no array named x (it has {has}); {SAVE}.")
    y = next((low[n] for n in LABELS if n in low), "")
    if x.lower() != "x":
        told.append(f"Samples were read from {x}" + (f", labels from {y}." if y else "."))
    left = [n for n in arrays if n not in (x, y) and n.lower() != MASK]
    if left:
        told.append(f"Not read: {', '.join(left[:8])}.")
    return x, y


def _samples(x: Array, wanted: list[str], told: list[str]) -> npt.NDArray[np.float32]:
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
    if x.dtype == np.uint8 and x.ndim > 2 and RAW not in wanted:
        values /= BYTE
        told.append("Images of bytes were divided by 255; upload with scale=raw to keep 0…255.")
    if _has_colours_last(x) and AS_GIVEN not in wanted:
        values = np.ascontiguousarray(np.moveaxis(values, -1, 1))
        told.append(
            f"Images {x.shape[1]}×{x.shape[2]}×{x.shape[3]} were taken to have their colours last and turned to "
            f"{x.shape[3]}×{x.shape[1]}×{x.shape[2]}; upload with layout=as-given to keep the order."
        )
    return values[:, None] if values.ndim == 3 else values


def _mask(mask: Array, shape: tuple[int, ...], told: list[str]) -> Tensor:
    """Where samples have tokens, as bytes of 0 and 1."""
    if mask.shape != shape or mask.dtype.kind not in "fiub" or not bool(((mask == 0) | (mask == 1)).all()):
        raise Refusal(f"{MASK} has the shape {mask.shape}; it must hold 0 and 1 for each token, {shape}.")
    if padding := int((mask == 0).sum()):
        told.append(f"{padding} of {mask.size} tokens are padding, and are not looked at.")
    return Tensor("U8", shape, memoryview(mask.astype(np.uint8).tobytes()))


def _has_colours_last(x: Array) -> bool:
    """Whether images are (samples, height, width, colours): few colours at the end, and not in front."""
    return x.ndim == 4 and x.shape[3] in COLOURS and x.shape[1] not in COLOURS and min(x.shape[1:3]) > max(COLOURS)


def _labels(y: Array, x: npt.NDArray[np.float32], told: list[str]) -> npt.NDArray[np.int64] | None:
    samples = len(x)
    if y.ndim == x.ndim == 2 and y.shape == x.shape and x.shape[1] > 1 and not _is_one_hot(y):
        told.append("A label for each token was not read: each token's label is the next one.")
        return None
    if len(y) != samples or y.ndim > 2 or y.dtype.kind not in "fiub":
        raise Refusal(
            f"y has the shape {y.shape} and {y.dtype.name} values; with {samples} samples it must hold whole numbers, "
            f"({samples},)."
        )
    if not bool(np.isfinite(y).all()):
        raise Refusal("y holds values that are NaN or infinite; remove these samples.")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
        told.append(f"Labels ({samples}, 1) were read as ({samples},).")
    if y.ndim == 2:
        if not _is_one_hot(y):
            raise Refusal(f"y has the shape {y.shape}: one class number per sample is needed, or one-hot rows.")
        told.append(f"One-hot labels of {y.shape[1]} classes were read as class numbers.")
        y = y.argmax(1)
    if bool((y != np.floor(y)).any()):
        told.append("y holds no class numbers, so the set has no labels.")
        return None
    if bool((y < 0).any()) or bool((y > 99_999).any()):
        raise Refusal(f"y holds labels from {y.min()} to {y.max()}; they must lie between 0 and 99999.")
    if len(y) > 1 and bool((y == y[0]).all()):
        told.append(f"All labels are {int(y[0])}: measures that need labels say little.")
    return y.astype("<i8")


def _is_one_hot(y: Array) -> bool:
    return bool(((y == 0) | (y == 1)).all()) and bool((y.sum(1) == 1).all())


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
