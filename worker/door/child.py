"""What runs inside the sandbox: one file in, canonical tensors and a manifest out.

Every file has a process of its own, and most are small: each reader is imported when its kind of file comes.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from kinscape.worker.door import canonical
from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.refusal import Refusal

KNOWN = "upload a .safetensors file, a state_dict written by torch.save, or a program of torch.export"
STARTS = {
    b"GGUF": "a GGUF file",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip archive",
}
DAMAGED = "The file is damaged or cut off; save and upload it again."
ZIP = b"PK\x03\x04"
# Bytes that tell one format from another.
START_BYTES = 16

Opened = tuple[dict[str, Tensor], dict[str, Any]]


def checkpoint(path: str, *, pickles: bool) -> Opened:
    """The weights of an uploaded checkpoint and what was found in it."""
    found: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    start = _start(path)
    if start.startswith(ZIP):
        tensors, found = _zipped(path, pickles=pickles)
    else:
        from kinscape.worker.door import safetensors_file

        if not safetensors_file.looks_like(path):
            raise Refusal(f"This is {_kind(start)}; {KNOWN}.")
        tensors, metadata = safetensors_file.read(path)
    if "graph" not in found:
        tensors = canonical.without_prefix(tensors)
    canonical.check_names(tensors)
    return tensors, {
        "tensors": {n: [t.dtype, list(t.shape)] for n, t in tensors.items()},
        "metadata": {k[:100]: v[:2000] for k, v in list(metadata.items())[:50]},
        **found,
    }


def _zipped(path: str, *, pickles: bool) -> Opened:
    """What torch wrote: weights, or a program."""
    import zipfile

    from kinscape.worker.door import program_file

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise Refusal(DAMAGED) from error
    if program_file.looks_like(names):
        tensors, graph = program_file.read(path)
        return tensors, {"graph": graph}
    if not pickles:
        raise Refusal(
            "This system offers no sandbox, so files of torch.save are not opened: "
            "save the weights with safetensors.torch.save_file."
        )
    from kinscape.worker.door import torch_file

    return torch_file.read(path), {}


def probe(path: str, **_: bool) -> Opened:
    """The samples of an uploaded probe set and what was found in them."""
    from kinscape.worker.door import probe_file

    return probe_file.read(path)


def _start(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(START_BYTES)


def _kind(start: bytes) -> str:
    for magic, name in STARTS.items():
        if start.startswith(magic):
            return name
    if start[:1] == b"\x80":
        return "an old or plain pickle (torch before 1.6, joblib)"
    return "not a checkpoint that Kinscape knows"


READERS: dict[str, Callable[..., Opened]] = {"checkpoint": checkpoint, "probe": probe}


def main(source: str, out: str, *, kind: str, pickles: bool) -> None:
    """Read one file; always leaves a manifest that says what came out."""
    try:
        tensors, found = READERS[kind](source, pickles=pickles)
        canonical.write(f"{out}/tensors.safetensors", tensors)
        graph = found.pop("graph", None)
        text = "" if graph is None else json.dumps(graph, separators=(",", ":"), sort_keys=True)
        if text:
            with open(f"{out}/graph.json", "w") as file:
                file.write(text)
        digest = canonical.content_hash(tensors, graph=text)
        manifest: dict[str, Any] = {"ok": True, "hash": digest, "has_graph": bool(text), **found}
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
