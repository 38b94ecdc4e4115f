"""Weights out of folders of ``torch.distributed.checkpoint``: an index, and files that hold pieces of tensors.

Source: ``torch.distributed.checkpoint.metadata`` and ``.filesystem``.
"""

import io
import mmap
import os
import re
from typing import Any, NamedTuple

import numpy as np

from kinscape.worker.door import torch_file, unpickler
from kinscape.worker.door.canonical import ITEM_BYTES, Tensor, count
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.door.unpickler import DeferredCall, GlobalName, ObjectKey

INDEX, ENDING = ".metadata", ".distcp"
# How a tensor and the place of a piece are called in the index.
TENSOR, KEY = "TensorStorageMetadata", "MetadataIndex"
DAMAGED = (
    "The index of the distributed checkpoint makes no sense: make one file of its folder with "
    "python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER model.pt, and upload that."
)
WORDS = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}
# What training scripts call their own states: the first part of a name, whole.
TRAINING = re.compile(
    r"(\w+_)?(optim|optims|optimizers?|optimizer_states?|lr_schedulers?|schedulers?|sched|scaler|callbacks?|loops|rng\w*|"
    r"train_state|dataloaders?)(_\w+)?",
    re.IGNORECASE,
)
MOST_TOLD = 8
LARGEST_INDEX, MOST_PIECES, MOST_AXES = 256 << 20, 1_000_000, 64
# All tensors together may be so many times the files; pieces do not overlap in a sound folder.
MOST_GROWTH, SMALL = 2, 60 << 20


class _Piece(NamedTuple):
    """Where a part of a tensor lies in it, and where its bytes lie.

    Attributes:
        corner: of its first element in the tensor.
        file: name of the file that holds it.
    """

    corner: tuple[int, ...]
    file: str
    start: int
    length: int


def read(files: dict[str, str]) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of a folder by name, but for those of an optimiser; and what else should be known of it.

    Args:
        files: where each file of the folder was unpacked, by its name there.

    Raises:
        Refusal: the index or a piece is damaged, or a file is missing.
    """
    index = _index(files[INDEX])
    try:
        shapes = {name: _numbers(about.state["size"]) for name, about in _tensors(index.state)}
        pieces = _pieces(index.state)
    except (AttributeError, TypeError, LookupError) as error:
        raise Refusal(DAMAGED) from error
    wanted = {n: s for n, s in shapes.items() if not TRAINING.fullmatch(n.partition(".")[0])}
    if not wanted:
        raise Refusal("The distributed checkpoint holds no tensors but those of an optimiser; save the model's too.")
    data = {name: _mapped(place) for name, place in files.items() if name.endswith(ENDING)}
    left = MOST_GROWTH * sum(d.nbytes for d in data.values()) + SMALL
    out = {}
    for name, shape in wanted.items():
        out[name] = _tensor(name, shape, pieces.get(name, []), data, left)
        left -= out[name].data.nbytes
    others = [n for n in index.state["state_dict_metadata"] if isinstance(n, str) and n not in shapes]
    others = [n for n in others if not TRAINING.fullmatch(n.partition(".")[0])]
    names = ", ".join(quoted(n) for n in others[:MOST_TOLD])
    return out, [f"Left out, as no tensors: {names}."] if others else []


def _index(path: str) -> DeferredCall:
    with open(path, "rb") as file:
        text = file.read(LARGEST_INDEX + 1)
    if len(text) > LARGEST_INDEX:
        raise Refusal(DAMAGED)
    index = unpickler.load(text, has_objects_as_keys=True)
    if not isinstance(index, DeferredCall) or not isinstance(index.state, dict):
        raise Refusal(DAMAGED)
    return index


def _is(value: Any, name: str) -> bool:
    by = getattr(value, "by", None)
    return isinstance(value, DeferredCall) and isinstance(by, GlobalName) and by.name == name


def _tensors(state: dict[str, Any]) -> list[tuple[str, DeferredCall]]:
    listed = state["state_dict_metadata"].items()
    return [(name, about) for name, about in listed if isinstance(name, str) and _is(about, TENSOR)]


def _pieces(state: dict[str, Any]) -> dict[str, list[_Piece]]:
    """Pieces of every tensor by its name."""
    out: dict[str, list[_Piece]] = {}
    listed = state["storage_data"].items()
    if len(listed) > MOST_PIECES:
        raise Refusal(DAMAGED)
    for key, place in listed:
        if not isinstance(key, ObjectKey) or not _is(key.object, KEY):
            continue
        about, where = key.object.state, place.state
        if where.get("transform_descriptors"):
            raise Refusal("The pieces of the distributed checkpoint are compressed; save it without extensions.")
        offset = about.get("offset")
        corner = () if offset is None else _numbers(offset)
        start, length = _numbers((where["offset"], where["length"]))
        out.setdefault(about["fqn"], []).append(_Piece(corner, where["relative_path"], start, length))
    return out


def _numbers(values: Any) -> tuple[int, ...]:
    """A tuple of sizes that make sense."""
    if not isinstance(values, tuple | list) or len(values) > MOST_AXES:
        raise Refusal(DAMAGED)
    if not all(type(v) is int and 0 <= v < 2**40 for v in values):
        raise Refusal(DAMAGED)
    return tuple(values)


def _mapped(path: str) -> memoryview:
    if not os.path.getsize(path):
        return memoryview(b"")
    with open(path, "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _tensor(name: str, shape: tuple[int, ...], pieces: list[_Piece], data: dict[str, memoryview], most: int) -> Tensor:
    """A tensor put together from its pieces, which must fill it."""
    parts = [(piece.corner or (0,) * len(shape), _part(name, piece, data)) for piece in pieces]
    kinds = {part.dtype for _, part in parts}
    if len(kinds) != 1 or sum(count(part.shape) for _, part in parts) != count(shape):
        raise Refusal(f"The pieces of the tensor {quoted(name)} do not fill it; pack all files of the folder.")
    (dtype,) = kinds
    if len(parts) == 1 and parts[0][1].shape == shape:
        return parts[0][1]
    if count(shape) * ITEM_BYTES[dtype] > most:
        raise Refusal(DAMAGED)
    whole = np.zeros(shape, WORDS[ITEM_BYTES[dtype]])
    filled = np.zeros(shape, bool)
    for corner, part in parts:
        place = tuple(slice(a, a + side) for a, side in zip(corner, part.shape, strict=False))
        fits = len(corner) == len(part.shape) == len(shape)
        if not fits or any(s.stop > side for s, side in zip(place, shape, strict=True)) or filled[place].any():
            raise Refusal(f"A piece of the tensor {quoted(name)} does not lie inside it; save the checkpoint again.")
        whole[place] = np.frombuffer(part.data, whole.dtype).reshape(part.shape)
        filled[place] = True
    return Tensor(dtype, shape, memoryview(whole.tobytes()))


def _part(name: str, piece: _Piece, data: dict[str, memoryview]) -> Tensor:
    """The tensor of one piece: a file of torch.save within the file."""
    file = data.get(piece.file)
    if file is None:
        raise Refusal(f"The archive lacks the file {quoted(piece.file)}; pack all files of the folder.")
    if piece.start + piece.length > file.nbytes:
        raise Refusal(f"The file {quoted(piece.file)} is cut off; pack the folder again.")
    found = torch_file.read_tensors(io.BytesIO(file[piece.start : piece.start + piece.length]))
    if len(found) != 1:
        raise Refusal(f"A piece of the tensor {quoted(name)} is damaged; save the checkpoint again.")
    return next(iter(found.values()))
