"""Folders in one file: tar and zip archives with a checkpoint, or with the shards of one."""

import json
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any, NamedTuple

from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.refusal import Refusal, check_readable, quoted
from kinscape.worker.door.zips import ZIP_ERRORS

Opened = tuple[dict[str, Tensor], dict[str, Any]]
ENDINGS = (
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".th",
    ".pt2",
    ".npz",
    ".msgpack",
    ".gguf",
    ".pkl",
    ".joblib",
    ".h5",
    ".onnx",
)
# The files of a distributed checkpoint, whose index has no name but this.
DISTRIBUTED, INDEX_OF_PIECES = ".distcp", ".metadata"
# The name of one of several shards.
SHARD = re.compile(r"-\d{5}-of-(?!00001)\d{5}\.")
INDEX = (".safetensors.index.json", ".bin.index.json")
ZIP = b"PK\x03\x04"
MOST_MEMBERS = 10_000
LARGEST_INDEX = 64 << 20
PIECE = 1 << 20
# Weights hardly compress: an archive that grows more is a bomb.
MOST_GROWTH = 20
SMALL = 64 << 20


class Member(NamedTuple):
    """A file in an archive."""

    name: str
    size: int
    open: Callable[[], IO[bytes] | None]


def read(
    path: str, folder: str, read_one: Callable[[str], Opened], read_pieces: Callable[[dict[str, str]], Opened]
) -> Opened:
    """The checkpoint in an archive; shards are put together as their index says.

    Args:
        folder: where the files are unpacked.
        read_one: reads one checkpoint file.
        read_pieces: reads the files of a distributed checkpoint, by name.
    """
    files, index = unpacked(path, folder, (*ENDINGS, DISTRIBUTED, INDEX_OF_PIECES))
    pieces = {name: place for name, place in files.items() if name.endswith((DISTRIBUTED, INDEX_OF_PIECES))}
    if any(name.endswith(DISTRIBUTED) for name in pieces):
        if INDEX_OF_PIECES not in pieces:
            raise Refusal("The archive holds a distributed checkpoint without its index; pack .metadata too.")
        return read_pieces(pieces)
    files = {name: place for name, place in files.items() if name not in pieces}
    if not files:
        raise Refusal(f"The archive holds no checkpoint ({', '.join(ENDINGS)}).")
    # Other formats of the same weights lie in many folders: one kind is enough.
    kinds = {os.path.splitext(name)[1] for name in files}
    ending = next(e for e in ENDINGS if e in kinds)
    chosen = {name: place for name, place in files.items() if name.endswith(ending)}
    if len(chosen) == 1 and not index and not SHARD.search(next(iter(chosen))):
        return read_one(next(iter(chosen.values())))
    return _shards(chosen, index, read_one)


@contextmanager
def members_of(path: str) -> Iterator[Iterator[Member]]:
    """The files in a tar or zip archive, one after the other.

    Raises:
        Refusal: it is damaged or encrypted.
    """
    try:
        # A tar archive whose last file is a zip ends like one.
        if _starts_as_zip(path):
            with zipfile.ZipFile(path) as packed:
                check_readable(packed.infolist())
                yield (Member(i.filename, i.file_size, partial(packed.open, i)) for i in packed.infolist())
        else:
            with tarfile.open(path, "r:*") as archive:
                yield (Member(m.name, m.size, partial(archive.extractfile, m)) for m in archive if m.isfile())
    except (tarfile.TarError, *ZIP_ERRORS) as error:
        raise Refusal(
            "The archive is damaged, cut off, or no tar archive inside its compression (as joblib.dump with compress= "
            "writes): save without compression, or pack and upload it again."
        ) from error


def unpacked(path: str, folder: str, endings: tuple[str, ...]) -> tuple[dict[str, str], set[str]]:
    """Unpack the files of these endings out of an archive.

    Returns:
        places by name, and the shards that an index names.

    Raises:
        Refusal: the archive is damaged, holds too much, or a name twice.
    """
    with members_of(path) as members:
        return _unpacked(members, path, folder, endings)


def _starts_as_zip(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(len(ZIP)) == ZIP


def _unpacked(
    members: Iterator[Member], path: str, folder: str, endings: tuple[str, ...]
) -> tuple[dict[str, str], set[str]]:
    left = max(SMALL, MOST_GROWTH * os.path.getsize(path))
    files: dict[str, str] = {}
    index: set[str] = set()
    for number, member in enumerate(members):
        if number >= MOST_MEMBERS:
            raise Refusal(f"The archive holds more than {MOST_MEMBERS} files; pack the checkpoint alone.")
        name = member.name.rpartition("/")[2]
        if not name or (name.startswith(".") and name != INDEX_OF_PIECES):
            continue
        left -= member.size
        if left < 0:
            raise Refusal("The archive unpacks to far more than it holds; pack the checkpoint without compression.")
        is_index = name.endswith(INDEX)
        if not is_index and not name.endswith(endings):
            continue
        stream = member.open()
        if stream is None:
            continue
        with stream:
            if is_index:
                index |= _named_in(stream.read(LARGEST_INDEX))
                continue
            if name in files:
                raise Refusal(f"The archive holds {quoted(name)} twice; pack one checkpoint.")
            files[name] = f"{folder}/member-{number}"
            _copy(stream, files[name], member.size)
    return files, index


def _copy(stream: IO[bytes], place: str, size: int) -> None:
    """Write a member; one that is longer than it says is cut off there, which its reader will see."""
    with open(place, "wb") as out:
        while size > 0 and (piece := stream.read(min(PIECE, size))):
            size -= len(piece)
            out.write(piece)


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
        if any(SHARD.search(n) for n in files):
            raise Refusal(f"The archive holds shards ({listed}) and not their index (….index.json); pack it too.")
        raise Refusal(f"The archive holds several checkpoints ({listed}); upload them one by one.")
    tensors: dict[str, Tensor] = {}
    for name in sorted(index):
        some, found = read_one(files[name])
        if "graph" in found or set(some) & set(tensors):
            raise Refusal(f"The shard {quoted(name)} repeats tensors of another one; save the model again.")
        tensors |= some
    return tensors, {}
