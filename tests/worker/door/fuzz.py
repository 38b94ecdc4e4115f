"""Files that were changed at random, for every reader: each is read or refused with a sentence, and nothing else.

``python -m tests.worker.door.fuzz --inputs 1000000`` runs as many of each kind as it is told. Inputs that reach lines
that none before reached are kept and changed further.
"""

import argparse
import io
import os
import pickle
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as safetensors_bytes

from kinscape.worker.door import child
from kinscape.worker.door.refusal import Refusal

# What the process at the door turns into a sentence.
HANDLED = (Refusal, MemoryError, EOFError, OSError)
# Not resolved: the package lies behind a link.
DOOR = str(Path(child.__file__).parent)
# Numbers that break sums and lengths.
EDGES = [0, 1, 2, 4, 7, 8, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1]
WIDTHS = (1, 2, 4, 8)
OF_PROBES = ("npz", "csv", "idx", "cifar", "images")
LARGEST_INPUT = 1 << 15


def seeds() -> dict[str, list[bytes]]:
    """Small sound files of every kind."""
    from tests.worker.door import test_containers as containers
    from tests.worker.door import test_probe_images as images

    state = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}

    def saved(**how: Any) -> bytes:
        out = io.BytesIO()
        torch.save({"state_dict": state, "epoch": 1}, out, **how)
        return out.getvalue()

    arrays = io.BytesIO()
    np.savez(arrays, x=np.ones((3, 2), np.float32), y=np.arange(3))
    folder = io.BytesIO()
    with zipfile.ZipFile(folder, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/model.safetensors", safetensors_bytes(state))
    program = io.BytesIO()
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()).eval()
    torch.export.save(torch.export.export(net, (torch.ones(2, 2),)), program)
    with tempfile.TemporaryDirectory() as name:
        packed = containers.tar_of({"a.safetensors": safetensors_bytes(state)}, Path(name, "tar"), "w").read_bytes()
        pictures = {
            f"{k % 2}/{k}.{kind}": images.png(images.GREY[k], kind) for k, kind in enumerate(("PNG", "JPEG", "BMP"))
        }
        written_images = images.zipped(Path(name, "images"), pictures).read_bytes()
        written = {kind: make(Path(name, "file")).read_bytes() for kind, make in containers.FUZZED.items()}
    return {
        "safetensors": [safetensors_bytes(state)],
        "torch": [saved()],
        "before 1.6": [saved(_use_new_zipfile_serialization=False)],
        "npz": [arrays.getvalue()],
        "csv": [b"a,b,label\n1,2,0\n3,4.5,1\n"],
        "idx": [images.idx(images.GREY)],
        "cifar": [pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 1]}, p) for p in (2, 4)],
        "images": [written_images],
        "zip": [folder.getvalue()],
        "tar": [packed],
        "program": [program.getvalue()],
        "pickle": [pickle.dumps({n: t.numpy() for n, t in state.items()}, p) for p in (2, 4, 5)],
        **{kind: [data] for kind, data in written.items()},
    }


def changed(data: bytes, draw: random.Random, others: list[bytes]) -> bytes:
    """The same file with some of its bytes changed."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        at = draw.randrange(len(out)) if out else 0
        match draw.randrange(7):
            case 0:
                out[at : at + 1] = bytes([draw.randrange(256)])
            case 1 if out:
                out[at] ^= 1 << draw.randrange(8)
            case 2:
                width = draw.choice(WIDTHS)
                number = draw.choice(EDGES) % (1 << 8 * width)
                out[at : at + width] = number.to_bytes(width, draw.choice(("little", "big")))
            case 3:
                del out[at : at + draw.randrange(1, 64)]
            case 4:
                out[at:at] = out[at : at + draw.randrange(1, 64)]
            case 5:
                del out[at:]
            case _:
                part = draw.choice(others)
                begin = draw.randrange(len(part) + 1)
                out[at : at + draw.randrange(64)] = part[begin : begin + draw.randrange(64)]
    return bytes(out[:LARGEST_INPUT])


class Lines:
    """Which lines of the door were reached."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()
        self.is_new = False

    def __enter__(self) -> "Lines":
        self.is_new = False
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, _event: str, _arg: object) -> Callable[..., Any] | None:
        return self._line if frame.f_code.co_filename.startswith(DOOR) else None

    def _line(self, frame: FrameType, _event: str, _arg: object) -> Callable[..., Any]:
        place = (frame.f_code.co_filename, frame.f_lineno)
        if place not in self.seen:
            self.seen.add(place)
            self.is_new = True
        return self._line


def run(kind: str, files: list[bytes], *, inputs: int, guided: bool, seed: int = 0) -> Iterator[tuple[bytes, str]]:
    """Inputs that raised what no sentence is made of, with what they raised."""
    draw = random.Random(f"{kind} {seed}")
    pool, lines = list(files), Lines()
    reader = child.READERS["probe" if kind in OF_PROBES else "checkpoint"]
    # Files that only memory holds.
    room = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=room) as folder:
        path = f"{folder}/input"
        for _ in range(inputs):
            data = changed(draw.choice(pool), draw, pool)
            Path(path).write_bytes(data)
            try:
                if guided and draw.random() < 0.1:
                    with lines:
                        reader(path, pickles=True, wanted="", folder=folder)
                else:
                    reader(path, pickles=True, wanted="", folder=folder)
            except HANDLED:
                pass
            except Exception:  # noqa: BLE001  (what is looked for)
                yield data, traceback.format_exc(limit=-3)
            if guided and lines.is_new:
                lines.is_new = False
                pool.append(data)
    if guided:
        sys.stdout.write(f"{kind}: {len(lines.seen)} lines of the door, {len(pool)} files kept" + "\n")


def main() -> int:
    """Run as many inputs of each kind as asked for."""
    given = argparse.ArgumentParser()
    given.add_argument("--inputs", type=int, default=100_000)
    given.add_argument("--kind", action="append")
    given.add_argument("--seed", type=int, default=0)
    wanted = given.parse_args()
    bad = 0
    for kind, files in seeds().items():
        if wanted.kind and kind not in wanted.kind:
            continue
        began = time.monotonic()
        for data, raised in run(kind, files, inputs=wanted.inputs, guided=True, seed=wanted.seed):
            bad += 1
            sys.stdout.write(f"{kind} {data[:80]!r} {raised}\n")
        sys.stdout.write(f"{kind}: {wanted.inputs:,} inputs in {time.monotonic() - began:.0f} s" + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
