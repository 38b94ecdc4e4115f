"""The same tensors as files of other frameworks hold them, and as torch keeps them when it is distributed."""

import io
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import joblib
import numpy as np
import torch
from torch import Tensor
from torch.distributed import checkpoint as distributed
from torch.distributed.checkpoint import metadata as of_pieces
from torch.distributed.checkpoint.filesystem import _StorageInfo

ONNX_TYPES = {"float32": 1, "int64": 7}


def keras(path: Path, tensors: dict[str, Tensor], *, place: str = "layers/{}", **how: Any) -> Path:
    """HDF5 with a group for each module, and an optimiser's numbers beside them."""
    with h5py.File(path, "w") as file:
        for name, tensor in tensors.items():
            file.create_dataset(place.format(name.replace(".", "/")), data=tensor.numpy(), **how)
        file["optimizer/vars/0"] = np.int64(3)
        file.attrs["backend"] = "tensorflow"
    return path


def keras_archive(path: Path, tensors: dict[str, Tensor]) -> Path:
    """What model.save of Keras 3 writes."""
    inner = keras(path.parent / "inner.h5", tensors)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.write(inner, "model.weights.h5")
    return path


def quantised(path: Path, tensor: Tensor) -> Path:
    """A tensor of torch with whole numbers of eight bits and one scale."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save({"w": torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8)}, path)
    return path


def number(value: int) -> bytes:
    """A varint of protocol buffers."""
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(place: int, value: int | bytes) -> bytes:
    """A field of a message: a number, or bytes behind their length."""
    if isinstance(value, int):
        return number(place << 3) + number(value)
    return number(place << 3 | 2) + number(len(value)) + value


def onnx_tensor(name: str, array: Any, **typed: bytes) -> bytes:
    """A TensorProto; with ``field_4=…`` the values stand there instead of among raw bytes."""
    sides = b"".join(field(1, side) for side in array.shape)
    values = b"".join(field(int(k.removeprefix("field_")), v) for k, v in typed.items()) or field(9, array.tobytes())
    return sides + field(2, ONNX_TYPES[array.dtype.name]) + field(8, name.encode()) + values


def onnx_model(initializers: list[bytes], nodes: bytes = b"") -> bytes:
    """A ModelProto with a graph of these."""
    graph = nodes + field(2, b"graph") + b"".join(field(5, i) for i in initializers)
    return field(1, 8) + field(2, b"pytorch") + field(7, graph) + field(8, field(2, 17))


def onnx(path: Path, tensors: dict[str, Tensor]) -> Path:
    """Initial values of a graph, written by hand from the specification."""
    path.write_bytes(onnx_model([onnx_tensor(n, t.numpy()) for n, t in tensors.items()]))
    return path


def joblibs(path: Path, tensors: dict[str, Tensor]) -> Path:
    """Arrays behind their stand-ins, in both orders, with texts and objects between them."""
    arrays = {n: np.asfortranarray(t.numpy()) if t.ndim > 1 else t.numpy() for n, t in tensors.items()}
    value = {"about": np.array(["a", "b"]), "odd": np.array([{}, None], dtype=object), "params": arrays, "epoch": 3}
    joblib.dump(value, path)
    return path


def folder_of(path: Path, tensors: dict[str, Tensor], *, at: str = "model") -> dict[str, bytes]:
    """The files of a distributed checkpoint of a model and an optimiser.

    Args:
        at: under which name the tensors lie; empty for none.
    """
    folder = path.parent / "pieces"
    states = {**({at: tensors} if at else tensors), "optim": {"exp_avg": torch.ones(2, 2)}, "step": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distributed.save(states, checkpoint_id=folder, no_dist=True)
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    """Files as a folder in a zip archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"step-3/{name}", data)
    return path


def pieces(path: Path, tensor: Tensor, corners: dict[tuple[int, ...], Tensor]) -> Path:
    """A distributed checkpoint of one tensor as several ranks write it: each its piece, in a file of its own."""
    files: dict[str, bytes] = {}
    places = {}
    for rank, (corner, piece) in enumerate(corners.items()):
        buffer = io.BytesIO()
        torch.save(piece.clone(), buffer)
        files[f"__{rank}_0.distcp"] = buffer.getvalue()
        key = of_pieces.MetadataIndex("w", torch.Size(corner), rank)
        places[key] = _StorageInfo(f"__{rank}_0.distcp", 0, len(buffer.getvalue()))
    chunks = [of_pieces.ChunkStorageMetadata(torch.Size(c), p.shape) for c, p in corners.items()]
    about = of_pieces.TensorStorageMetadata(of_pieces.TensorProperties(tensor.dtype), tensor.shape, chunks)
    files[".metadata"] = pickle.dumps(of_pieces.Metadata({"w": about}, storage_data=places))
    return zipped(path, files)
