"""Sending files: resumable, checked piece by piece, memory flat."""

import base64
import hashlib
import json
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

from kinscape.client.http import ClientError, Http

# A break in the connection costs one piece.
PIECE = 8 << 20
TUS = {"Tus-Resumable": "1.0.0"}
# With growing pauses.
TRIES = 6


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def send(http: Http, project: int, path: Path, *, kind: str, description: dict[str, Any]) -> int:
    """Upload a file and return the number of the checkpoint or probe set that it becomes."""
    size = path.stat().st_size
    metadata = f"kind {_coded(kind)},description {_coded(json.dumps(description))},filename {_coded(path.name)}"
    made = http.request(
        "POST",
        f"/projects/{project}/uploads",
        headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata},
    )
    place = made.headers["Location"].removeprefix("/api/v1")
    offset, tries = 0, 0
    with path.open("rb") as file:
        while True:
            file.seek(offset)
            piece = file.read(PIECE)
            try:
                answer = _send_piece(http, place, piece, offset)
            except ClientError as error:
                tries += 1
                if error.status not in (0, 460, 502, 503) or tries >= TRIES:
                    raise
                time.sleep(0.3 * 2**tries)
                offset, finished = _where(http, place)
                if finished is not None:
                    return finished
                continue
            offset, tries = answer.offset, 0
            if answer.finished is not None:
                return answer.finished


class _Reached(NamedTuple):
    """How far an upload is, and the number of what it became."""

    offset: int
    finished: int | None


def _send_piece(http: Http, place: str, piece: bytes, offset: int) -> _Reached:
    checksum = base64.b64encode(hashlib.sha256(piece).digest()).decode()
    answer = http.request(
        "PATCH",
        place,
        content=piece,
        headers={
            **TUS,
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {checksum}",
            "Content-Type": "application/offset+octet-stream",
        },
    )
    number = answer.headers.get("Kinscape-Id")
    return _Reached(int(answer.headers["Upload-Offset"]), None if number is None else int(number))


def _where(http: Http, place: str) -> tuple[int, int | None]:
    answer = http.request("HEAD", place)
    finished = answer.headers.get("Kinscape-Id")
    return int(answer.headers["Upload-Offset"]), None if finished is None else int(finished)


def plain(value: Any, name: str) -> Any:
    """Numbers of numpy and torch as Python's, in lists and dictionaries too, as training loops produce them.

    Raises:
        ClientError: a number is NaN or infinite, or an array stands where one number belongs.
    """
    if isinstance(value, dict):
        return {str(k): plain(v, f"{name}.{k}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, name) for v in value]
    if hasattr(value, "tolist"):
        try:
            value = value.detach().cpu().tolist() if hasattr(value, "detach") else value.tolist()
        except (TypeError, ValueError, RuntimeError) as error:
            raise ClientError(f"{name} is not a number: {str(error)[:100]}.") from error
        return plain(value, name)
    if isinstance(value, float) and not math.isfinite(value):
        raise ClientError(f"{name} is {value}: leave it out, or give a finite number.")
    return str(value) if isinstance(value, Path) else value
