"""Where an installation keeps its things."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kinscape.backend.settings import StoreSettings, read_settings
from kinscape.local import database
from kinscape.local.programs import CannotStart


class CannotDo(Exception):
    """Something stands in the way; the sentence says what to do."""


@dataclass(frozen=True)
class Place:
    """An installation that can be read and written."""

    database_url: str
    files: Path


@contextmanager
def opened(data: Path | None, *, is_new: bool = False) -> Iterator[Place]:
    """An installation: of a data folder, or, without one, of the settings in the environment.

    Args:
        is_new: the folder may be empty or absent; nobody may run Kinscape on it.

    Raises:
        CannotDo: there is nothing, or its database does not start.
    """
    if data is None:
        settings = read_settings(StoreSettings)
        yield Place(settings.database_url, settings.files)
        return
    if is_new:
        if database.is_running(data):
            raise CannotDo(f"Kinscape runs on {data}: stop it first.")
        if data.exists() and not data.is_dir():
            raise CannotDo(f"{data} is a file: name a folder with --data.")
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        (data / "postgres").mkdir(exist_ok=True, mode=0o700)
    elif not (data / "postgres" / "PG_VERSION").is_file():
        raise CannotDo(f"There is no Kinscape in {data}: name its data folder with --data.")
    try:
        with database.opened(data) as url:
            yield Place(url, data / "files")
    except CannotStart as sentence:
        raise CannotDo(str(sentence)) from sentence
