"""What runs inside the sandbox: one file in, canonical tensors and a manifest out."""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kinscape.worker.door import canonical, safetensors_file, torch_file
from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.refusal import Refusal

KNOWN = "upload a .safetensors file, or a state_dict written by torch.save"
EXPORTED = ("/models/model.json", "serialized_exported_program.json")
STARTS = {
    b"GGUF": "a GGUF file",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip archive",
}


def checkpoint(path: Path, *, pickles: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights of an uploaded checkpoint and what was found in it."""
    metadata: dict[str, str] = {}
    if torch_file.looks_like(path):
        if not pickles:
            raise Refusal(
                "This system offers no sandbox, so files of torch.save are not opened: "
                "save the weights with safetensors.torch.save_file."
            )
        with zipfile.ZipFile(path) as archive:
            if any(n.endswith(EXPORTED) for n in archive.namelist()):
                raise Refusal(f"Files of torch.export are not read yet; {KNOWN}.")
        tensors = torch_file.read(path)
    elif safetensors_file.looks_like(path):
        tensors, metadata = safetensors_file.read(path)
    else:
        raise Refusal(f"This is {_kind(path)}; {KNOWN}.")
    tensors = canonical.without_prefix(tensors)
    canonical.check_names(tensors)
    return tensors, {
        "tensors": {n: [t.dtype, list(t.shape)] for n, t in tensors.items()},
        "metadata": {k[:100]: v[:2000] for k, v in list(metadata.items())[:50]},
    }


def probe(path: Path, **_: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The samples of an uploaded probe set and what was found in them."""
    from kinscape.worker.door import probe_file  # numpy, which most checkpoints do without

    return probe_file.read(path)


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(16)
    for magic, name in STARTS.items():
        if start.startswith(magic):
            return name
    if start[:1] == b"\x80":
        return "an old or plain pickle (torch before 1.6, joblib)"
    return "not a checkpoint that Kinscape knows"


READERS: dict[str, Callable[..., tuple[dict[str, Tensor], dict[str, Any]]]] = {"checkpoint": checkpoint, "probe": probe}


def main(source: Path, out: Path, *, kind: str, pickles: bool) -> None:
    """Read one file; always leaves a manifest that says what came out."""
    try:
        tensors, found = READERS[kind](source, pickles=pickles)
        canonical.write(out / "tensors.safetensors", tensors)
        manifest: dict[str, Any] = {"ok": True, "hash": canonical.content_hash(tensors), **found}
    except Refusal as refusal:
        manifest = {"ok": False, "sentence": str(refusal)}
    except MemoryError:
        manifest = {"ok": False, "sentence": "The file needs more memory than a file may; split it."}
    except (zipfile.BadZipFile, EOFError, OSError):
        manifest = {"ok": False, "sentence": "The file is damaged or cut off; save and upload it again."}
    (out / "manifest.json").write_text(json.dumps(manifest))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), kind=sys.argv[3], pickles=sys.argv[4] == "yes")
