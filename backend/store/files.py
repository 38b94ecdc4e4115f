"""Files by the hash of their content, and uploads on their way in."""

import hashlib
import os
import shutil
from pathlib import Path

from kinscape.backend.contracts.problems import NotFound

# Files are hashed and copied in pieces, not in memory whole.
CHUNK = 1 << 20


class Files:
    """A folder of immutable files named by their sha256, with a quarantine beside it.

    No name that a user gave ever becomes a path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.quarantine = folder / "quarantine"
        self.cache = folder / "cache"
        for path in (folder / "content", self.quarantine, self.cache):
            path.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the file with this hash is; it must exist."""
        path = self._place(digest)
        if not path.is_file():
            raise NotFound("A stored file is missing; upload it again.")
        return path

    def has(self, digest: str) -> bool:
        """Whether a file with this hash is stored."""
        return self._place(digest).is_file()

    def publish(self, source: Path) -> str:
        """Move a finished file to its content address and return its sha256."""
        digest = hash_of(source)
        target = self._place(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_file():
            source.unlink()
            return digest
        part = target.with_suffix(".part")
        shutil.move(source, part)
        _sync(part)
        os.replace(part, target)
        _sync(target.parent)
        return digest

    def upload_path(self, token: str) -> Path:
        """Where the bytes of an upload are collected; the token is ours, never the user's."""
        if not token.isalnum():
            raise NotFound("There is no such upload.")
        return self.quarantine / token

    def cached(self, key: str) -> Path:
        """Where a recomputable result of this key lies, whether or not it exists."""
        return self.cache / key[:2] / f"{key}.safetensors"

    def free_bytes(self) -> int:
        """Free space where the files are."""
        return shutil.disk_usage(self.folder).free

    def _place(self, digest: str) -> Path:
        return self.folder / "content" / digest[:2] / digest


def hash_of(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
