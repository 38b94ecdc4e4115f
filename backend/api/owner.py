"""The owner's token: given at the start, or in a file that may be replaced while the server runs."""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from pathlib import Path

from kinscape.backend.settings import SHORTEST_TOKEN, WebSettings

log = logging.getLogger("kinscape.guard")


@dataclass(frozen=True)
class _Known:
    """A token and the state of the file in which it stood."""

    token: str
    stamp: tuple[int, int, int]


class Owner:
    """Tells whether somebody shows the owner's token, the one that counts at this moment."""

    def __init__(self, settings: WebSettings) -> None:
        self._file = settings.token_file
        self._known = _Known(settings.given_token, (0, 0, 0))

    @property
    def needs_token(self) -> bool:
        """Whether owners have to show one."""
        return bool(self._token)

    @property
    def digest(self) -> str:
        """What an owner's cookie has to match."""
        return hashlib.sha256(b"owner:" + self._token.encode()).hexdigest()

    def opens(self, given: str) -> bool:
        """Whether this is the token."""
        token = self._token
        return bool(token) and secrets.compare_digest(given.encode(), token.encode())

    def is_signed_in(self, cookie: str) -> bool:
        """Whether a browser showed the token once, and it is still the same."""
        return self.needs_token and secrets.compare_digest(cookie.encode(), self.digest.encode())

    @property
    def _token(self) -> str:
        """The token; a file that cannot be read, or holds none that is long enough, leaves the one before."""
        if self._file is not None:
            stamp = _stamp(self._file)
            if stamp is not None and stamp != self._known.stamp:
                text = _text(self._file)
                if len(text) < SHORTEST_TOKEN:
                    log.warning("owner.token_ignored file=%s why=shorter than %d", self._file, SHORTEST_TOKEN)
                    text = self._known.token
                self._known = _Known(text, stamp)
        return self._known.token


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, ValueError):
        return ""
