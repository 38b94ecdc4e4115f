"""A checkpoint that is a folder, as hubs have it: packed into one file for sending."""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kinscape.client.http import ClientError

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
    ".h5",
    ".onnx",
    ".joblib",
    ".distcp",
    ".index.json",
)
# The index of a distributed checkpoint; other names that begin with a dot are no weights.
INDEX_OF_PIECES = ".metadata"
# What training leaves beside weights.
BESIDE = ("optimizer", "scheduler", "scaler", "rng_state", "training_args", "random_states")


@contextmanager
def one_file(path: Path) -> Iterator[Path]:
    """A file as it is; of a folder, an archive of the weights in it while the context lasts.

    Raises:
        ClientError: the folder holds no weights, or there is nothing at this path.
    """
    if not path.exists():
        raise ClientError(f"There is no file {path}.")
    if not path.is_dir():
        yield path
        return
    files = [f for f in sorted(path.iterdir()) if _is_of_weights(f.name)]
    if not any(f.name.endswith(ENDINGS[:-1]) for f in files):
        raise ClientError(f"The folder {path} holds no weights ({', '.join(ENDINGS[:-1])}).")
    with tempfile.TemporaryDirectory() as room:
        packed = Path(room, f"{path.resolve().name}.tar")
        with tarfile.open(packed, "w") as archive:
            for file in files:
                archive.add(file, file.name)
        yield packed


def _is_of_weights(name: str) -> bool:
    if name == INDEX_OF_PIECES:
        return True
    return name.endswith(ENDINGS) and not name.startswith((".", *BESIDE))
