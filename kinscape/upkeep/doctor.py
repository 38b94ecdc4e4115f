"""What is wrong with an installation, in sentences."""

import enum
import importlib.metadata
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from kinscape.backend.contracts.jobs import JobState
from kinscape.backend.contracts.problems import Problem
from kinscape.backend.contracts.uploads import State
from kinscape.backend.contracts.words import counted
from kinscape.backend.store import cards
from kinscape.backend.store.database import Database
from kinscape.backend.store.files import LEAST_FREE_BYTES, Files, hash_of
from kinscape.backend.store.leftovers import needed_files, open_uploads
from kinscape.backend.store.tables import CheckpointRow, JobRow, ProbeRow
from kinscape.local import database, programs
from kinscape.local.programs import CannotStart
from kinscape.migrations.moving import head
from kinscape.upkeep.places import CannotDo, Place, opened

# Work that nobody took for so long has nobody to take it.
LONG_WAIT_S = 600
GIBIBYTE = 1 << 30


class Level(enum.StrEnum):
    """How bad it is."""

    FINE = "fine"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    sentence: str


def examine(data: Path | None, *, every_byte: bool = False) -> Iterator[Finding]:
    """Look at this machine, and at one installation; each finding comes when it was made.

    Args:
        data: its data folder; the settings in the environment say where it is when left out.
        every_byte: compare each stored file with its hash, however long that takes.
    """
    yield from _machine(is_embedded=data is not None)
    if data is not None:
        yield from _folder(data)
        if not (data / "postgres" / "PG_VERSION").is_file():
            return
    # Whoever opens a database that is not running holds its folder, too.
    is_running = data is None or database.is_running(data)
    try:
        with opened(data) as place:
            yield from _installation(place, is_running=is_running, every_byte=every_byte)
    except (CannotDo, SQLAlchemyError) as error:
        first = str(error).splitlines()[0]
        yield Finding(Level.WRONG, f"The database cannot be opened: {first}")


def _machine(*, is_embedded: bool) -> Iterator[Finding]:
    names = ("kinscape", "torch", "numpy", "fastapi", "celery", "dash")
    known = {name: importlib.metadata.version(name) for name in names if _has(name)}
    absent = [name for name in names if name not in known]
    versions = ", ".join(f"{name} {version}" for name, version in known.items())
    yield Finding(Level.FINE, f"Python {sys.version.split()[0]}, {versions}.")
    if absent:
        what = ", ".join(absent)
        yield Finding(Level.WRONG, f"{what} cannot be imported: pip install 'kinscape[server]'.")
    if shutil.which("bwrap") is None:
        yield Finding(Level.NOTE, "There is no bubblewrap (bwrap): files of torch.save and images are refused.")
    for find in (lambda: programs.postgres_binary("postgres"), programs.redis_binary) if is_embedded else ():
        yield from _tried(find)


def _tried(find: Callable[[], Path]) -> Iterator[Finding]:
    try:
        find()
    except CannotStart as sentence:
        yield Finding(Level.WRONG, str(sentence))


def _has(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _folder(data: Path) -> Iterator[Finding]:
    if not (data / "postgres" / "PG_VERSION").is_file():
        yield Finding(Level.WRONG, f"There is no Kinscape in {data}: name its data folder with --data.")
        return
    status = data.stat()
    if status.st_uid != os.geteuid():
        yield Finding(Level.WRONG, f"{data} belongs to another user: run Kinscape as that one.")
    if stat.S_IMODE(status.st_mode) & 0o077:
        yield Finding(Level.NOTE, f"{data} can be read by other users of this machine: chmod 700 {data}")
    running = "runs" if database.is_running(data) else "does not run"
    yield Finding(Level.FINE, f"Kinscape {running} on {data}.")
    for log in sorted((data / "logs").glob("*.log")):
        if log.stat().st_size > GIBIBYTE:
            yield Finding(Level.NOTE, f"{log} has more than a GiB: its last lines may say why.")


def _installation(place: Place, *, is_running: bool, every_byte: bool) -> Iterator[Finding]:
    store = Database(place.database_url)
    try:
        store.check_schema(head())
    except Problem as problem:
        yield Finding(Level.WRONG, problem.detail)
        return
    finally:
        store.close()
    files = Files(place.files)
    yield _room(files)
    engine = create_engine(place.database_url)
    try:
        with Session(engine) as session:
            if is_running:
                yield _workers(session)
            yield from _work(session)
            yield from _files(session, files, every_byte=every_byte)
    finally:
        engine.dispose()


def _room(files: Files) -> Finding:
    free = files.free_bytes()
    if free < LEAST_FREE_BYTES:
        return Finding(Level.WRONG, f"The disk has {free / GIBIBYTE:.2f} GiB left: no job begins until there is room.")
    level = Level.NOTE if free < 4 * GIBIBYTE else Level.FINE
    return Finding(level, f"The disk has {free / GIBIBYTE:.1f} GiB left.")


def _workers(session: Session) -> Finding:
    there = cards.workers(session)
    if not there:
        return Finding(Level.WRONG, "No worker was seen within the last minute: see compute.log and inspection.log.")
    devices = sorted({row.device for row in there})
    return Finding(Level.FINE, f"{counted(len(there), 'workers')} on {', '.join(devices)}.")


def _work(session: Session) -> Iterator[Finding]:
    found = session.execute(select(JobRow.state, func.count()).group_by(JobRow.state))
    counts = {row.state: int(row[1]) for row in found}
    queued, running = counts.get(JobState.QUEUED, 0), counts.get(JobState.RUNNING, 0)
    age = session.scalar(
        select(func.extract("epoch", func.now() - func.min(JobRow.sent))).where(JobRow.state == JobState.QUEUED)
    )
    words = f"{counted(queued, 'jobs')} queued, {running} running"
    if queued and not running and age is not None and age > LONG_WAIT_S:
        yield Finding(Level.WRONG, f"{words}: nobody has taken one for {int(age) // 60} minutes. Are workers there?")
    else:
        yield Finding(Level.FINE, f"{words}.")
    recent = JobRow.finished > func.now() - func.make_interval(0, 0, 0, 1)
    failed = session.execute(
        select(JobRow.error, func.count())
        .where(JobRow.state == JobState.FAILED, recent)
        .group_by(JobRow.error)
        .order_by(func.count().desc())
        .limit(3)
    ).all()
    for error, count in failed:
        yield Finding(Level.NOTE, f"{counted(count, 'jobs')} failed within a day: {error.splitlines()[0][:200]}")


def _files(session: Session, files: Files, *, every_byte: bool) -> Iterator[Finding]:
    needed = needed_files(session)
    lost = {digest for digest in needed if not files.has(digest)}
    damaged = {digest for digest in needed - lost if every_byte and not _is_whole(files, digest)}
    how = "are there, each with the bytes that came" if every_byte else "are there"
    if not lost and not damaged:
        yield Finding(Level.FINE, f"All {counted(len(needed), 'files')} that the database needs {how}.")
    for what, digests in (("is missing", lost), ("is damaged", damaged)):
        for kind, name in _owners(session, digests):
            yield Finding(Level.WRONG, f"A file of the {kind} {name!r} {what}: upload it again under its name.")
    stray = files.stray(needed=needed, uploads=open_uploads(session))
    if stray:
        size = sum(bytes_ for _, bytes_ in stray) / 2**20
        yield Finding(
            Level.NOTE,
            f"{counted(len(stray), 'files')} ({size:.1f} MiB) that nothing needs wait to be removed: kinscape gc",
        )


def _is_whole(files: Files, digest: str) -> bool:
    # Put aside by who reads it, not by who looks.
    return hash_of(files.path(digest)) == digest


def _owners(session: Session, digests: set[str]) -> Iterator[tuple[str, str]]:
    if not digests:
        return
    checkpoints = select(CheckpointRow).where(CheckpointRow.state != State.REFUSED)
    for one in session.scalars(checkpoints.order_by(CheckpointRow.id)):
        if digests & {one.upload_hash, one.file_hash, one.facts.graph}:
            yield "checkpoint" if one.deleted is None else "deleted checkpoint", one.name
    probes = select(ProbeRow).where(ProbeRow.state != State.REFUSED)
    for probe in session.scalars(probes.order_by(ProbeRow.id)):
        if digests & {probe.upload_hash, probe.file_hash}:
            yield "probe set" if probe.deleted is None else "deleted probe set", probe.name
