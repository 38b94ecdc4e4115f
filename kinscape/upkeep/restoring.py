"""An installation out of a backup."""

import hashlib
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql
from pydantic import ValidationError
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from kinscape.backend.store.files import Files
from kinscape.migrations.moving import migrate, revisions
from kinscape.upkeep.backup import FORMAT, MANIFEST, Manifest, Table
from kinscape.upkeep.places import CannotDo, Place

CHUNK = 1 << 20
# A manifest of a million files has a hundred megabytes.
LARGEST_MANIFEST = 256 << 20


def restore(backup: Path, place: Place) -> Manifest:
    """Fill an empty installation from a backup, and bring it to the newest migration.

    Every table and file is compared with its hash; where one differs, nothing of the database is kept.

    Raises:
        CannotDo: the file is no backup, is damaged or of a newer program, or the installation is not empty.
    """
    try:
        with tarfile.open(backup, mode="r:") as archive:
            manifest = _manifest(archive, backup)
            _check_empty(place)
            _migrate_to(place, manifest)
            try:
                _fill(place, archive, manifest)
            except BaseException:
                migrate(place.database_url, to="base")
                raise
    except (psycopg.Error, SQLAlchemyError) as error:
        raise CannotDo(f"The backup is damaged, or was changed: {str(error).splitlines()[0]}") from error
    except tarfile.TarError as error:
        raise CannotDo(f"{backup} is not a whole backup of Kinscape ({error}).") from error
    migrate(place.database_url)
    return manifest


def _manifest(archive: tarfile.TarFile, backup: Path) -> Manifest:
    first = archive.next()
    if first is None or first.name != MANIFEST or first.size > LARGEST_MANIFEST:
        raise CannotDo(f"{backup} is not a backup of Kinscape: it does not begin with {MANIFEST}.")
    try:
        manifest = Manifest.model_validate_json(_open(archive, first).read())
    except ValidationError as error:
        raise CannotDo(f"{backup} is a backup in a form that this program does not know.") from error
    if manifest.format > FORMAT or manifest.migration not in revisions():
        raise CannotDo(f"{backup} was made by a newer Kinscape: restore it with that one.")
    if not {"projects", "checkpoints", "comparisons"} <= {table.name for table in manifest.tables}:
        raise CannotDo(f"{backup} is not a whole backup: its manifest names too few tables.")
    return manifest


def _open(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(member) if member.isreg() else None
    if file is None:
        raise CannotDo(f"The backup holds {member.name[:80]!r}, which is not a plain file.")
    return file


def _check_empty(place: Place) -> None:
    engine = create_engine(place.database_url)
    try:
        with engine.connect() as connection:
            if connection.scalar(text("select to_regclass('projects')")) is None:
                return
            held = connection.scalar(text("select count(*) from projects"))
        if held:
            raise CannotDo(f"There are {held} projects here already: restore into an empty installation.")
    finally:
        engine.dispose()


def _migrate_to(place: Place, manifest: Manifest) -> None:
    # What an empty installation holds, such as cards, would be there twice.
    migrate(place.database_url, to="base")
    migrate(place.database_url, to=manifest.migration)


def _fill(place: Place, archive: tarfile.TarFile, manifest: Manifest) -> None:
    files = Files(place.files)
    tables = {f"tables/{table.name}": table for table in manifest.tables}
    contents = {f"content/{digest}": digest for digest in manifest.files}
    with psycopg.connect(make_url(place.database_url).set(drivername="postgresql").render_as_string(False)) as database:
        for member in iter(archive.next, None):
            if member.name in tables:
                _fill_table(database, _open(archive, member), tables.pop(member.name))
            elif member.name in contents:
                _put_file(files, _open(archive, member), contents.pop(member.name))
            else:
                raise CannotDo(f"The backup holds {member.name[:80]!r}, which its manifest does not name.")
        absent = [*tables, *contents]
        if absent:
            raise CannotDo(f"The backup is not whole: {absent[0]} is missing.")


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK), b"")


def _fill_table(database: "psycopg.Connection[tuple[object, ...]]", file: IO[bytes], table: Table) -> None:
    name = sql.Identifier(table.name)
    names = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    with tempfile.TemporaryFile() as whole, database.cursor() as cursor:
        digest = hashlib.sha256()
        for piece in _pieces(file):
            digest.update(piece)
            whole.write(piece)
        if digest.hexdigest() != table.sha256:
            raise CannotDo(f"The backup is damaged: the table {table.name} is not what it was.")
        whole.seek(0)
        with cursor.copy(sql.SQL("copy {} ({}) from stdin").format(name, names)) as copy:
            for piece in _pieces(whole):
                copy.write(piece)
        if "id" in table.columns:
            _count_on(cursor, table)


def _count_on(cursor: "psycopg.Cursor[tuple[object, ...]]", table: Table) -> None:
    """Let new rows be numbered after all that ever were: others may remember a number that is gone."""
    cursor.execute("select pg_get_serial_sequence(%s, 'id')", (table.name,))
    found = cursor.fetchone()
    if found is not None and found[0] is not None:
        newest = sql.SQL("select setval(%s, greatest(coalesce(max(id), 0), %s, 1), %s or count(*) > 0) from {}")
        cursor.execute(newest.format(sql.Identifier(table.name)), (found[0], table.last_id, table.last_id > 0))


def _put_file(files: Files, file: IO[bytes], digest: str) -> None:
    with tempfile.NamedTemporaryFile(dir=files.quarantine, prefix="restore-") as copy:
        for piece in _pieces(file):
            copy.write(piece)
        copy.flush()
        if files.publish(Path(copy.name)) != digest:
            raise CannotDo(f"The backup is damaged: the file {digest[:12]}… is not what it was.")
