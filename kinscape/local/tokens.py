"""The owner's token: where it is kept, and how it is changed."""

import json
import os
import secrets
from pathlib import Path

from kinscape.local.programs import CannotStart

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def owner_token(data: Path, *, host: str, given: str) -> str:
    """The owner's token: given, or kept in the data folder, or none on loopback."""
    if given:
        if len(given) < 20:
            raise CannotStart("KINSCAPE_TOKEN must have at least 20 characters.")
        return given
    if host in LOOPBACK:
        return ""
    file = token_file(data)
    return kept_token(file) if file.is_file() else renew_token(data)


def token_file(data: Path) -> Path:
    """Where the owner's token of a data folder is kept, unless it was given otherwise."""
    return data / "token"


def kept_token(file: Path) -> str:
    """The token in its file."""
    return file.read_text().strip()


def renew_token(data: Path) -> str:
    """Write a new owner's token; a server that runs on this folder asks for it from its next request on."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    token, beside = secrets.token_urlsafe(32), data / f"token.{os.getpid()}"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(token)
    beside.replace(token_file(data))
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
    """
    running = json.loads((data / "running.json").read_text())
    url, file = str(running["url"]), running.get("token_file", "")
    return with_token(url, kept_token(Path(file))) if file else url
