"""One large file from disk to ready: ``python -m benchmarks.upload``.

Against copying it and hashing it once with sha256, which whoever keeps a file under its hash has to do.
"""

import argparse
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks.scale import server
from kinscape import build
from kinscape.client import Project

TURNS = 3
# Ready within so many times copying and hashing.
PROMISED = 3.0


def large(mebibytes: int, seed: int) -> dict[str, torch.Tensor]:
    """A state dict of 64 matrices, different for every seed."""
    rng = np.random.default_rng(seed)
    rows = mebibytes * (1 << 20) // (64 * 4 * 1024)
    return {
        f"layer{k}.weight": torch.from_numpy(rng.standard_normal((rows, 1024), dtype=np.float32)) for k in range(64)
    }


def copied_and_hashed(path: Path, folder: Path) -> float:
    """Seconds to copy a file and hash it."""
    began = time.perf_counter()
    shutil.copyfile(path, folder / "copy")
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return time.perf_counter() - began


def ready(project: Project, path: Path) -> float:
    """Seconds until an uploaded file is inspected."""
    began = time.perf_counter()
    made = project.upload_checkpoint(path, wait=False)
    sent = time.perf_counter() - began
    project.wait_for(made.id)
    whole = time.perf_counter() - began
    print(f"  {path.name}: sent after {sent:.2f} s, ready after {whole:.2f} s", flush=True)
    return whole


def main() -> None:
    """Measure, and print the table."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--mebibytes", type=int, default=500)
    ask.add_argument("--port", type=int, default=8962)
    asked = ask.parse_args()
    kinds: dict[str, Callable[[dict[str, torch.Tensor], Path], object]] = {
        "safetensors": save_file,
        "pt": torch.save,
    }
    with tempfile.TemporaryDirectory(prefix="kinscape-upload-") as name:
        folder = Path(name)
        with server(folder, asked.port) as client:
            project = client.create_project("upload")
            # The first file of a worker pays for its imports.
            save_file(build("mlp", inputs=4, classes=2).state_dict(), folder / "first.safetensors")
            project.upload_checkpoint(folder / "first.safetensors")
            print("| file | copy and sha256, s | ready, s | ratio | promised |\n|---|---|---|---|---|")
            for k, (kind, save) in enumerate(kinds.items()):
                plain, whole = [], []
                for turn in range(TURNS):
                    path = folder / f"{kind}{turn}.{kind}"
                    save(large(asked.mebibytes, 10 * k + turn), path)
                    plain.append(copied_and_hashed(path, folder))
                    whole.append(ready(project, path))
                    path.unlink()
                base, found = median(plain), median(whole)
                what = f"{asked.mebibytes} MiB, .{kind}"
                print(f"| {what} | {base:.2f} | {found:.2f} | {found / base:.1f} | {PROMISED:g} |")


if __name__ == "__main__":
    main()
