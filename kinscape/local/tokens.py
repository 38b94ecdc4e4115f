"""The owner's token: where it is kept, and how it is changed."""

import json
import os
import secrets
from pathlib import Path

from kinscape.local.programs import CannotStart

# As the web process demands (backend/settings.py).
SHORTEST = 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def owner_token(data: Path, *, host: str, given: str) -> str:
    """The owner's token: given, or kept in the data folder, or none on loopback."""
    if given:
        if len(given) < SHORTEST:
            raise CannotStart(f"KINSCAPE_TOKEN must have at least {SHORTEST} characters.")
        return given
    if host in LOOPBACK:
        return ""
    file = token_file(data)
    token = read_token(file) if file.is_file() else renew_token(data)
    if len(token) < SHORTEST:
        raise CannotStart(f"{file} holds no token of {SHORTEST} characters: make one with `kinscape token --new`.")
    return token


def token_file(data: Path) -> Path:
    """Where the owner's token of a data folder is kept, unless it was given otherwise."""
    return data / "token"


def read_token(file: Path) -> str:
    """The token in its file.

    Raises:
        CannotStart: there is no text in it, or nobody may read it.
    """
    try:
        return file.read_text().strip()
    except (OSError, ValueError) as error:
        raise CannotStart(f"{file} cannot be read as a token: make a new one with `kinscape token --new`.") from error


def renew_token(data: Path) -> str:
    """Write a new owner's token; a server that runs on this folder asks for it from its next request on."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    token, temporary = secrets.token_urlsafe(32), data / f"token.{os.getpid()}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(token)
    temporary.replace(token_file(data))
    return token


def with_token(url: str, token: str) -> str:
    """The address that signs its opener in as the owner."""
    return f"{url}/?token={token}" if token else url


def is_given_otherwise(data: Path) -> bool:
    """Whether a Kinscape runs on this folder whose token does not stand in its file."""
    try:
        running = json.loads((data / "running.json").read_text())
    except (OSError, ValueError):
        return False
    return not running.get("token_file") and "token=" in str(running.get("url", ""))


def running_address(data: Path) -> str:
    """Where the Kinscape that runs on this folder is opened, with the owner's token where one is needed.

    Raises:
        OSError, ValueError, KeyError: none runs, or it is just starting.
        CannotStart: its token cannot be read.
    """
    running = json.loads((data / "running.json").read_text())
    url, file = str(running["url"]), running.get("token_file", "")
    return with_token(url, read_token(Path(file))) if file else url
