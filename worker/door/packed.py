"""Folders in one file: tar archives with a checkpoint, or with the shards of one."""

import json
import os
import tarfile
from collections.abc import Callable
from typing import Any

from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.refusal import Refusal, quoted

Opened = tuple[dict[str, Tensor], dict[str, Any]]
ENDINGS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".th", ".pt2", ".npz")
INDEX = (".safetensors.index.json", ".bin.index.json")
MOST_MEMBERS = 10_000
LARGEST_INDEX = 64 << 20
PIECE = 1 << 20
# Weights hardly compress: an archive that grows more is a bomb.
MOST_GROWTH = 20
SMALL = 64 << 20


def read(path: str, folder: str, read_one: Callable[[str], Opened]) -> Opened:
    """The checkpoint in an archive; shards are put together as their index says.

    Args:
        folder: where the files are unpacked.
        read_one: reads one checkpoint file.
    """
    try:
        with tarfile.open(path, "r:*") as archive:
            files, index = _unpacked(archive, path, folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Refusal("The archive is damaged or cut off; pack and upload it again.") from error
    if not files:
        raise Refusal(f"The archive holds no checkpoint ({', '.join(ENDINGS)}).")
    # Other formats of the same weights lie in many folders: one kind is enough.
    kinds = {os.path.splitext(name)[1] for name in files}
    ending = next(e for e in ENDINGS if e in kinds)
    chosen = {name: place for name, place in files.items() if name.endswith(ending)}
    if len(chosen) == 1:
        return read_one(next(iter(chosen.values())))
    return _shards(chosen, index, read_one)


def _unpacked(archive: tarfile.TarFile, path: str, folder: str) -> tuple[dict[str, str], set[str]]:
    """Places of the checkpoint files by name, and the shards that an index names."""
    left = max(SMALL, MOST_GROWTH * os.path.getsize(path))
    files: dict[str, str] = {}
    index: set[str] = set()
    for number, member in enumerate(archive):
        if number >= MOST_MEMBERS:
            raise Refusal(f"The archive holds more than {MOST_MEMBERS} files; pack the checkpoint alone.")
        name = member.name.rpartition("/")[2]
        if not member.isfile() or name.startswith("."):
            continue
        left -= member.size
        if left < 0:
            raise Refusal("The archive unpacks to far more than it holds; pack the checkpoint without compression.")
        stream = archive.extractfile(member)
        if stream is None:
            continue
        if name.endswith(INDEX):
            index |= _named_in(stream.read(LARGEST_INDEX))
        elif name.endswith(ENDINGS):
            if name in files:
                raise Refusal(f"The archive holds {quoted(name)} twice; pack one checkpoint.")
            files[name] = f"{folder}/member-{number}"
            with open(files[name], "wb") as out:
                while piece := stream.read(PIECE):
                    out.write(piece)
    return files, index


def _named_in(text: bytes) -> set[str]:
    try:
        return {str(v) for v in json.loads(text)["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refusal("The index of the shards is not JSON with a weight_map; save the model again.") from error


def _shards(files: dict[str, str], index: set[str], read_one: Callable[[str], Opened]) -> Opened:
    missing = sorted(index - set(files))
    if missing:
        raise Refusal(f"The archive lacks the shard {quoted(missing[0])}; pack all of them.")
    if not index:
        listed = ", ".join(quoted(n) for n in sorted(files)[:8])
        raise Refusal(f"The archive holds several checkpoints ({listed}); upload them one by one.")
    tensors: dict[str, Tensor] = {}
    for name in sorted(index):
        some, found = read_one(files[name])
        if "graph" in found or set(some) & set(tensors):
            raise Refusal(f"The shard {quoted(name)} repeats tensors of another one; save the model again.")
        tensors |= some
    return tensors, {}
