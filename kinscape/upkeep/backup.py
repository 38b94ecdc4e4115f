"""Everything of an installation in one file: its database and the files that the database needs."""

import datetime as dt
import hashlib
import io
import os
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql
from pydantic import BaseModel, Field
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from kinscape.backend.contracts.words import counted
from kinscape.backend.store.database import Database
from kinscape.backend.store.files import Files
from kinscape.backend.store.leftovers import needed_files
from kinscape.backend.store.tables import Base, UploadRow
from kinscape.migrations.moving import head
from kinscape.upkeep.places import CannotDo, Place

FORMAT = 1
MANIFEST = "manifest.json"
# Uploads on their way in are sent again: their bytes are not complete.
LEFT_OUT = {UploadRow.__tablename__}


class Table(BaseModel):
    """One table as it was copied."""

    name: str
    columns: list[str]
    rows: int
    sha256: str
    last_id: int = Field(default=0, description="The last number that was given out; it is never given again.")


class Manifest(BaseModel):
    """What a backup holds; it stands first in it."""

    format: int = FORMAT
    made: dt.datetime
    migration: str
    tables: list[Table]
    files: dict[str, int] = Field(description="Bytes of each stored file, by its sha256.")
    missing: list[str] = Field(default_factory=list, description="Files that the database needs and that were lost.")


@dataclass
class Copied:
    """Tables on their way into the archive."""

    tables: list[Table] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


def back_up(place: Place, target: Path) -> Manifest:
    """Write everything to one file, while the installation runs or not.

    The database is read at one moment; files never change, and nothing is removed meanwhile. A file that is there is
    replaced when the new one is complete.

    Raises:
        CannotDo: the target cannot be written, or the database is at another migration.
    """
    # Where a link points is where somebody wants it.
    target = target.resolve()
    if target.exists() and not target.is_file() and not target.is_dir():
        raise CannotDo(f"{target} is no plain file.")
    if target.is_dir():
        raise CannotDo(f"{target} is a folder: name the file that the backup goes to.")
    if not target.absolute().parent.is_dir():
        raise CannotDo(f"There is no folder {target.absolute().parent}.")
    files = Files(place.files)
    database = Database(place.database_url)
    try:
        database.check_schema(head())
    finally:
        database.close()
    part = target.with_name(f"{target.name}.part")
    engine = create_engine(place.database_url, isolation_level="REPEATABLE READ")
    try:
        with (
            files.kept(),
            Session(engine) as session,
            tempfile.TemporaryDirectory(prefix="kinscape-", dir=target.absolute().parent) as folder,
            part.open("wb") as out,
        ):
            needed = sorted(needed_files(session))
            connection = session.connection().connection.driver_connection
            assert isinstance(connection, psycopg.Connection)
            copied = _copy_tables(connection, Path(folder))
            there = {digest: files.path(digest).stat().st_size for digest in needed if files.has(digest)}
            manifest = Manifest(
                made=dt.datetime.now(dt.UTC),
                migration=head(),
                tables=copied.tables,
                files=there,
                missing=[digest for digest in needed if digest not in there],
            )
            _write(out, manifest, copied, files)
            out.flush()
            os.fsync(out.fileno())
        # It holds everything: nobody else may read it.
        part.chmod(0o600)
        part.replace(target)
    finally:
        engine.dispose()
        part.unlink(missing_ok=True)
    return manifest


def _copy_tables(connection: "psycopg.Connection[tuple[object, ...]]", folder: Path) -> Copied:
    out = Copied()
    for table in Base.metadata.sorted_tables:
        if table.name in LEFT_OUT:
            continue
        columns = [column.name for column in table.columns]
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        command = sql.SQL("copy {} ({}) to stdout").format(sql.Identifier(table.name), names)
        path, digest, rows = folder / table.name, hashlib.sha256(), 0
        with path.open("wb") as file, connection.cursor() as cursor:
            with cursor.copy(command) as copy:
                for piece in copy:
                    file.write(piece)
                    digest.update(piece)
            rows = cursor.rowcount
        about = {"name": table.name, "columns": columns, "rows": rows, "sha256": digest.hexdigest()}
        out.tables.append(Table(**about, last_id=_last_id(connection, table.name) if "id" in columns else 0))
        out.paths.append(path)
    return out


def _last_id(connection: "psycopg.Connection[tuple[object, ...]]", table: str) -> int:
    with connection.cursor() as cursor:
        found = cursor.execute("select pg_sequence_last_value(pg_get_serial_sequence(%s, 'id'))", (table,)).fetchone()
    return int(str(found[0])) if found is not None and found[0] is not None else 0


def _write(out: IO[bytes], manifest: Manifest, copied: Copied, files: Files) -> None:
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        text = manifest.model_dump_json(indent=1).encode()
        about = tarfile.TarInfo(MANIFEST)
        about.size = len(text)
        archive.addfile(about, io.BytesIO(text))
        for table, path in zip(copied.tables, copied.paths, strict=True):
            _add(archive, f"tables/{table.name}", path)
        for digest in manifest.files:
            _add(archive, f"content/{digest}", files.path(digest))


def _add(archive: tarfile.TarFile, name: str, path: Path) -> None:
    about = tarfile.TarInfo(name)
    about.size = path.stat().st_size
    with path.open("rb") as file:
        archive.addfile(about, file)


def sentences(manifest: Manifest) -> list[str]:
    """What a backup holds, and what was lost before it was made."""
    rows = {table.name: table.rows for table in manifest.tables}
    size = sum(manifest.files.values()) / 2**20
    held = [counted(rows.get(what, 0), what) for what in ("projects", "checkpoints", "comparisons")]
    out = [f"{', '.join(held)}, {counted(len(manifest.files), 'files')} ({size:.1f} MiB)"]
    if manifest.missing:
        out.append(
            f"{counted(len(manifest.missing), 'files')} that the database names were lost before: their checkpoints or "
            "probe sets have to be uploaded again."
        )
    return out
