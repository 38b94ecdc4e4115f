"""Files by the hash of their content, and uploads on their way in."""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from pathlib import Path

from kinscape.backend.contracts.problems import NotFound

# Files are hashed and copied in pieces, not in memory whole.
CHUNK = 1 << 20
# Below it no job begins: Postgres ends where it cannot write its log (16 MiB a piece, and what a checkpoint rewrites).
LEAST_FREE_BYTES = 256 << 20
DISK_FULL = "53100"  # in the words of Postgres
FULL = (errno.ENOSPC, errno.EDQUOT)


class DamagedFile(NotFound):
    """The bytes of a stored file are not those that were stored."""

    title = "Damaged file"


class Files:
    """A folder of immutable files named by their sha256, with a quarantine beside it.

    No name that a user gave ever becomes a path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.quarantine = folder / "quarantine"
        self.cache = folder / "cache"
        self._verified: set[str] = set()
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

    def verified(self, digest: str) -> Path:
        """Where the file with this hash is, after its bytes were hashed once in this process.

        A file whose bytes are no longer those of its name is put aside, so that uploading it again heals it.

        Raises:
            DamagedFile: the bytes changed.
            NotFound: the file is missing.
        """
        path = self.path(digest)
        if digest not in self._verified:
            if hash_of(path) != digest:
                # Another process may have seen it, too, and been faster.
                with contextlib.suppress(FileNotFoundError):
                    os.replace(path, path.with_suffix(f".{secrets.token_hex(8)}.damaged"))
                raise DamagedFile("A stored file is damaged: its bytes are no longer those that came; upload it again.")
            self._verified.add(digest)
        return path

    def is_whole(self, digest: str) -> bool:
        """Whether a file is here with the bytes that it was stored with; a damaged one is put aside."""
        try:
            self._verified.discard(digest)
            self.verified(digest)
        except NotFound:
            return False
        return True

    def publish(self, source: Path) -> str:
        """Put a finished file to its content address and return its sha256; the source stays where it is.

        Several may publish the same bytes at once, and whoever dies halfway leaves the source to begin again.
        """
        digest = hash_of(source)
        target = self._place(digest)
        if self.is_whole(digest):
            return digest
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(f".{secrets.token_hex(8)}.part")
        try:
            # A second name for the same bytes costs no room; other file systems copy.
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
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

    def has_room_for_work(self) -> bool:
        """Whether so much is free that jobs can write their results, and the database its log."""
        return self.free_bytes() >= LEAST_FREE_BYTES

    def _place(self, digest: str) -> Path:
        return self.folder / "content" / digest[:2] / digest


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk is full, here or under the database."""
    causes = (error, getattr(error, "orig", None))
    return any(
        (isinstance(e, OSError) and e.errno in FULL) or getattr(e, "sqlstate", None) == DISK_FULL for e in causes
    )


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
