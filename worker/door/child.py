"""What runs inside the sandbox: one file in, canonical tensors and a manifest out.

Every file has a process of its own, and most are small: each reader is imported when its kind of file comes.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from kinscape.worker.door import canonical
from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.refusal import Refusal, check_readable

KNOWN = "upload a .safetensors file, a state_dict written by torch.save, or a program of torch.export, uncompressed"
# What else people have, and how its weights are saved so that they are read here.
STARTS = {
    b"PAR1": "a table of Parquet, which holds no weights",
}
DAMAGED = "The file is damaged or cut off; save and upload it again."
ZIP = b"PK\x03\x04"
GZIP = b"\x1f\x8b"
PICKLE = b"\x80"
# The number with which files of torch before 1.6 begin, as a pickle writes it, and where at the latest.
LEGACY, LEGACY_WITHIN = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", 32
DISTRIBUTED = b"torch.distributed.checkpoint"
SHARDED = (
    "This is the index of a distributed checkpoint: pack its whole folder (.metadata and every .distcp) into one zip "
    "or tar file, and upload that."
)
NO_ARRAYS = (
    "This is a pickle that torch.save did not write (joblib, pickle.dump), and no arrays of numbers were found in it; "
    "save the weights with torch.save(model.state_dict(), path), or numpy.savez."
)
GGUF = b"GGUF"
HDF5 = b"\x89HDF"
# What an archive of Keras holds.
KERAS = "model.weights.h5"
# Metadata of a file of recorded outputs and features, whose names are as they must be.
RECORDING = "kinscape.recording"
# Where a tar archive says that it is one.
TAR_AT, TAR = 257, b"ustar"
# Bytes that tell one format from another.
START_BYTES = 512
NESTED = "The archive holds another archive; pack the checkpoint's own files."
NO_SANDBOX = (
    "This system offers no sandbox, so files of torch.save are not opened: "
    "save the weights with safetensors.torch.save_file."
)

Opened = tuple[dict[str, Tensor], dict[str, Any]]


def checkpoint(path: str, *, pickles: bool, wanted: str, folder: str) -> Opened:
    """The weights of an uploaded checkpoint and what was found in it.

    Args:
        pickles: whether files of torch.save may be read.
        wanted: which of several sets of weights.
        folder: where an archive may be unpacked.
    """
    start = _start(path)
    from kinscape.worker.door import safetensors_file

    # The length of a header may begin as archives and pickles do.
    is_plain = safetensors_file.looks_like(path)
    if not is_plain and (start.startswith(GZIP) or start[TAR_AT:].startswith(TAR)):
        tensors, found = _packed(path, folder, pickles=pickles, wanted=wanted)
    else:
        tensors, found = _one_file(path, pickles=pickles, wanted=wanted, folder=folder)
    is_named = "graph" in found or RECORDING in found.get("metadata", {})
    return (tensors, found) if is_named else _named_plainly(tensors, found)


def _one_file(path: str, *, pickles: bool, wanted: str, folder: str = "") -> Opened:
    """The weights in one file.

    Args:
        folder: where an archive may be unpacked; empty inside another archive.
    """
    start = _start(path)
    if start.startswith(ZIP):
        return _zipped(path, pickles=pickles, wanted=wanted, folder=folder)
    from kinscape.worker.door import safetensors_file

    if safetensors_file.looks_like(path):
        tensors, metadata = safetensors_file.read(path)
        return tensors, {"metadata": {k[:100]: v[:2000] for k, v in list(metadata.items())[:50]}}
    if start.startswith(GGUF):
        from kinscape.worker.door import gguf_file

        return gguf_file.read(path), {}
    if start.startswith(HDF5):
        from kinscape.worker.door import hdf5_file

        tensors, told = hdf5_file.read(path)
        return tensors, {"told": told}
    if not start.startswith(PICKLE):
        return _not_a_pickle(path, start)
    return _pickle(path, start, pickles=pickles, wanted=wanted)


def _not_a_pickle(path: str, start: bytes) -> Opened:
    from kinscape.worker.door import msgpack_file, onnx_file

    if onnx_file.looks_like(start):
        return onnx_file.read(path), {}
    if msgpack_file.looks_like(path):
        arrays, told = msgpack_file.read(path)
        return arrays, {"told": told}
    raise Refusal(_unknown(start))


def _pickle(path: str, start: bytes, *, pickles: bool, wanted: str) -> Opened:
    """A pickle of torch before 1.6, or one of arrays."""
    if not pickles:
        raise Refusal(NO_SANDBOX)
    from kinscape.worker.door import torch_file

    if DISTRIBUTED in start:
        raise Refusal(SHARDED)
    if LEGACY not in start[:LEGACY_WITHIN]:
        from kinscape.worker.door import numpy_pickle

        found = numpy_pickle.read(path)
        if not found.arrays:
            raise Refusal(NO_ARRAYS)
        return found.arrays, {"told": found.told}
    tensors, tied, told = torch_file.read_legacy(path, wanted=wanted)
    return tensors, {"tied": tied, "told": told}


def _packed(path: str, folder: str, *, pickles: bool, wanted: str) -> Opened:
    """The checkpoint in an archive."""
    from kinscape.worker.door import packed

    def pieces(files: dict[str, str]) -> Opened:
        from kinscape.worker.door import distributed_file

        if not pickles:
            raise Refusal(NO_SANDBOX)
        tensors, told = distributed_file.read(files)
        return tensors, {"told": told}

    return packed.read(path, folder, lambda inner: _one_file(inner, pickles=pickles, wanted=wanted), pieces)


def _named_plainly(tensors: dict[str, Tensor], found: dict[str, Any]) -> Opened:
    """The same without what wrappers put before names, and without what stands beside the model."""
    names = canonical.plain_names(tensors)
    beside = [n for n in tensors if n not in names]
    told = list(found.get("told", []))
    if beside:
        told.append(f"Left out, as no part of the model: {', '.join(beside[:8])}.")
    tied = {names[n]: names[first] for n, first in found.get("tied", {}).items() if n in names and first in names}
    return {names[n]: t for n, t in tensors.items() if n in names}, {**found, "told": told, "tied": tied}


def _zipped(path: str, *, pickles: bool, wanted: str, folder: str) -> Opened:
    """What torch wrote, weights or a program; or arrays of numpy."""
    import zipfile

    from kinscape.worker.door import packed, program_file
    from kinscape.worker.door.zips import ZIP_ERRORS

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            check_readable(archive.infolist())
            has_root = any(n.endswith(("/data.pkl", "/constants.pkl")) for n in names)
    except ZIP_ERRORS as error:
        raise Refusal(DAMAGED) from error
    if program_file.looks_like(names):
        tensors, graph = program_file.read(path)
        return tensors, {"graph": graph}
    if names and all(n.endswith(".npy") for n in names):
        from kinscape.worker.door import arrays

        return arrays.read(path), {}
    if KERAS in names:
        from kinscape.worker.door import hdf5_file

        if not folder:
            raise Refusal(NESTED)
        tensors, told = hdf5_file.read(hdf5_file.unpacked(path, folder))
        return tensors, {"told": told}
    if not has_root and any(n.endswith((*packed.ENDINGS, packed.DISTRIBUTED)) for n in names):
        if not folder:
            raise Refusal(NESTED)
        return _packed(path, folder, pickles=pickles, wanted=wanted)
    if not pickles:
        raise Refusal(NO_SANDBOX)
    from kinscape.worker.door import torch_file

    tensors, tied, told = torch_file.read(path, wanted=wanted)
    return tensors, {"tied": tied, "told": told}


def probe(path: str, *, pickles: bool, wanted: str, **_: str) -> Opened:
    """The samples of an uploaded probe set and what was found in them."""
    from kinscape.worker.door import probe_file

    return probe_file.read(path, pickles=pickles, wanted=wanted)


def _start(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(START_BYTES)


def _unknown(start: bytes) -> str:
    named = next((text for magic, text in STARTS.items() if start.startswith(magic)), "")
    return f"This is {named}." if ":" in named else f"This is {named or 'not a checkpoint that is known'}; {KNOWN}."


READERS: dict[str, Callable[..., Opened]] = {"checkpoint": checkpoint, "probe": probe}


def main(source: str, out: str, *, kind: str, pickles: bool, wanted: str = "") -> None:
    """Read one file; always leaves a manifest that says what came out."""
    try:
        tensors, found = READERS[kind](source, pickles=pickles, wanted=wanted, folder=out)
        canonical.check_names(tensors)
        canonical.write(f"{out}/tensors.safetensors", tensors)
        graph = found.pop("graph", None)
        text = "" if graph is None else json.dumps(graph, separators=(",", ":"), sort_keys=True)
        if text:
            with open(f"{out}/graph.json", "w") as file:
                file.write(text)
        shapes = {n: [t.dtype, list(t.shape)] for n, t in tensors.items()}
        about = {"metadata": {}, "tensors": shapes, "has_graph": bool(text), **found}
        manifest: dict[str, Any] = {"ok": True, "hash": canonical.content_hash(tensors, graph=text), **about}
    except Refusal as refusal:
        manifest = {"ok": False, "sentence": str(refusal)}
    except MemoryError:
        manifest = {"ok": False, "sentence": "The file needs more memory than a file may; split it."}
    except (EOFError, OSError):
        manifest = {"ok": False, "sentence": DAMAGED}
    with open(f"{out}/manifest.json", "w") as file:
        json.dump(manifest, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], kind=sys.argv[3], pickles=sys.argv[4] == "yes")
