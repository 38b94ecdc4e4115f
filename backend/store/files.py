"""Files by the hash of their content, and uploads on their way in."""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from kinscape.backend.contracts.problems import NotFound

# Files are hashed and copied in pieces, not in memory whole.
CHUNK = 1 << 20
# Below it no job begins: Postgres ends where it cannot write its log (16 MiB a piece, and what a checkpoint rewrites).
LEAST_FREE_BYTES = 256 << 20
# What is younger may be needed by a row that is not written yet.
GRACE_S = 3600
# An upload that broke off can be resumed for as long, and a refused file be looked at again.
LEFTOVER_S = 2 * 86400
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

    def size_bytes(self, digest: str) -> int:
        """Bytes of the file with this hash; nothing where it is missing."""
        try:
            return self._place(digest).stat().st_size
        except FileNotFoundError:
            return 0

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

    def publish(self, source: Path, *, digest: str = "") -> str:
        """Put a finished file to its content address and return its sha256; the source stays where it is.

        Several may publish the same bytes at once, and whoever dies halfway leaves the source to begin again.

        Args:
            digest: its sha256, where whoever asks has just computed it.
        """
        digest = digest or hash_of(source)
        target = self._place(digest)
        with self._held(fcntl.LOCK_SH):
            if self.is_whole(digest):
                # It is young again: no row may need it yet.
                os.utime(target)
                return digest
            return self._put(source, target)

    def _put(self, source: Path, target: Path) -> str:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(f".{secrets.token_hex(8)}.part")
        try:
            # A second name for the same bytes costs no room; other file systems copy.
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
        _sync(part)
        os.utime(part)
        os.replace(part, target)
        _sync(target.parent)
        return target.name

    @contextlib.contextmanager
    def _held(self, how: int) -> Iterator[None]:
        """Hold the folder: several may publish at once, whoever removes is alone."""
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, how)
            yield
        finally:
            os.close(handle)

    def stray(self, *, needed: set[str], uploads: set[str]) -> list[tuple[Path, int]]:
        """Files that nothing needs and that are not young, with their bytes.

        Args:
            needed: hashes of the files that rows refer to.
            uploads: tokens of the uploads on their way in.
        """
        stored = _older(_files_in(self.folder / "content"), GRACE_S)
        left = _older(self.quarantine.iterdir(), LEFTOVER_S)
        return [
            *((path, size) for path, size in stored if path.name not in needed),
            *((path, size) for path, size in left if path.name not in uploads),
        ]

    def beyond(self, most_bytes: int) -> list[tuple[Path, int]]:
        """What has to leave the cache, longest unused first, so that no more than so many bytes stay."""
        found = []
        for path in _files_in(self.cache):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                found.append((max(status.st_atime, status.st_mtime), path, status.st_size))
        kept = sum(size for _, _, size in found)
        out = []
        for _, path, size in sorted(found):
            if kept <= most_bytes:
                break
            kept -= size
            out.append((path, size))
        return out

    def discard(self, path: Path) -> bool:
        """Remove one of these files; not while somebody publishes, nor when it became young meanwhile."""
        is_stored = path.is_relative_to(self.folder / "content")
        try:
            with self._held(fcntl.LOCK_EX | fcntl.LOCK_NB):
                if is_stored and time.time() - path.stat().st_mtime < GRACE_S:
                    return False
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except (BlockingIOError, FileNotFoundError):
            return False
        return True

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Nothing is removed meanwhile."""
        with self._held(fcntl.LOCK_SH):
            yield

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


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for inner in folder.iterdir() if inner.is_dir() for path in inner.iterdir())


def _older(paths: Iterator[Path], age_s: float) -> list[tuple[Path, int]]:
    out = []
    for path in paths:
        # Workers move their files meanwhile.
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            if time.time() - status.st_mtime >= age_s:
                inside = path.rglob("*") if path.is_dir() else (path,)
                out.append((path, sum(p.stat().st_size for p in inside if p.is_file())))
    return out


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
