"""Resumable uploads (tus 1.0), and what becomes of a file once all of it is here."""

import base64
import binascii
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from kinscape.backend.contracts.cards import Setting
from kinscape.backend.contracts.checkpoints import CheckpointDescription, CheckpointFacts
from kinscape.backend.contracts.jobs import InspectCheckpoint, InspectProbe, Job
from kinscape.backend.contracts.probes import ProbeDescription, ProbeFacts
from kinscape.backend.contracts.problems import (
    Conflict,
    FileRefused,
    NoRoom,
    OverQuota,
    Problem,
    TooLarge,
    TooMany,
    Unprocessable,
)
from kinscape.backend.contracts.uploads import State, UploadKind
from kinscape.backend.store import cards, checkpoints, jobs, probes, projects, uploads
from kinscape.backend.store.files import Files, hash_of
from kinscape.backend.store.tables import CheckpointRow, ProbeRow, UploadRow

# Nobody sends so many at once; who begins without end fills the table.
MOST_UNDER_WAY = 5000


class OffsetMismatch(Conflict):
    """The client sends bytes for another place than the next one."""

    title = "Offset mismatch"


class UploadExpired(Problem):
    """The upload was left alone for too long."""

    status = 410
    title = "Upload expired"


class ChecksumMismatch(Problem):
    """The bytes that arrived are not the bytes that were sent."""

    status = 460
    title = "Checksum mismatch"


@dataclass(frozen=True)
class UploadLimits:
    """What an upload may be."""

    largest_bytes: int
    keep_free_bytes: int
    quota_bytes: int = 0
    project_quota_bytes: int = 0


def metadata_of(header: str) -> dict[str, str]:
    """The pairs of a tus ``Upload-Metadata`` header."""
    pairs: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in header.split(","))):
        name, _, value = part.partition(" ")
        try:
            pairs[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise Unprocessable(f"The value of {name[:40]!r} in Upload-Metadata is not base64 UTF-8.") from error
    return pairs


def start(
    session: Session, files: Files, limits: UploadLimits, *, project: int, size_bytes: int, metadata: dict[str, str]
) -> UploadRow:
    """Begin an upload, after checking all that can be known before its first byte."""
    projects.get(session, project)
    try:
        kind = UploadKind(metadata.get("kind", ""))
    except ValueError as error:
        raise Unprocessable('Upload-Metadata needs kind: "checkpoint" or "probe".') from error
    if size_bytes <= 0:
        raise FileRefused("The file is empty: save the checkpoint again and upload the new file.")
    if size_bytes > limits.largest_bytes:
        most = limits.largest_bytes / 2**30
        raise TooLarge(f"The file has {size_bytes / 2**30:.2f} GiB; this server takes up to {most:.2f} GiB.")
    if uploads.under_way(session, project) >= MOST_UNDER_WAY:
        raise TooMany(
            f"{MOST_UNDER_WAY:,} uploads of this project have begun and not ended: finish or cancel some; those that "
            "are left alone go after a day."
        )
    _check_room(session, files, limits, size_bytes)
    _check_quota(session, files, size_bytes, limits.quota_bytes, project=None)
    _check_quota(session, files, size_bytes, limits.project_quota_bytes, project=project)
    description = _description(session, files, project, kind, metadata.get("description", "{}"))
    return uploads.add(
        session,
        token=secrets.token_hex(20),
        project_id=project,
        kind=kind,
        description=description,
        size_bytes=size_bytes,
    )


def _check_room(session: Session, files: Files, limits: UploadLimits, size_bytes: int) -> None:
    """Refuse a file for which nothing would be left, with what other uploads were promised."""
    promised = uploads.promised_bytes(session)
    free = files.free_bytes() - promised - limits.keep_free_bytes
    if size_bytes > free:
        others = f", beside {promised / 2**30:.2f} GiB promised to uploads under way" if promised else ""
        raise NoRoom(
            f"The file has {size_bytes / 2**30:.2f} GiB; the server's disk has room for {max(0, free) / 2**30:.2f} "
            f"GiB{others}. Ask its owner to make room.",
            needed_bytes=size_bytes,
            free_bytes=max(0, free),
        )


def _check_quota(session: Session, files: Files, size_bytes: int, quota: int, *, project: int | None) -> None:
    """Refuse a file that goes beyond what may be held, uploads under way counted; whoever asks holds the count."""
    if not quota:
        return
    probe_sets = sum(files.size_bytes(digest) for digest in uploads.probe_files(session, project))
    held = uploads.held_bytes(session, project) + probe_sets
    if held + size_bytes <= quota:
        return
    whose = "All projects hold" if project is None else "This project holds"
    raise OverQuota(
        f"{whose} {held / 2**30:.2f} of {quota / 2**30:.2f} GiB; the file has {size_bytes / 2**30:.2f}. Delete what is "
        "no longer needed, or ask the server's owner for more.",
        quota_bytes=quota,
        held_bytes=held,
    )


def _description(session: Session, files: Files, project: int, kind: UploadKind, text: str) -> dict[str, Any]:
    model = CheckpointDescription if kind is UploadKind.CHECKPOINT else ProbeDescription
    try:
        value = model.model_validate(json.loads(text, parse_constant=_no_constant))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "description"
        raise Unprocessable(f"{where}: {first['msg']}.") from error
    except (ValueError, RecursionError) as error:
        raise Unprocessable("The description in Upload-Metadata is not JSON.") from error
    if isinstance(value, ProbeDescription):
        named = probes.named(session, project, value.name)
        if named is not None and named.state is not State.REFUSED:
            raise Conflict(f"A probe set named {short(value.name)} exists already; choose another name.")
    else:
        _check_checkpoint(session, files, project, value)
    return value.model_dump()


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _check_checkpoint(session: Session, files: Files, project: int, value: CheckpointDescription) -> None:
    there = checkpoints.named(session, project, value.name)
    # One whose stored file is lost may be healed by the same bytes under its own name.
    if there is not None and there.state is not State.REFUSED and files.has(there.file_hash or there.upload_hash or ""):
        raise Conflict(f"A checkpoint named {short(value.name)} exists already; choose another name.")
    for role in ("parent", "init_of", "teacher"):
        name = getattr(value, role)
        if name is not None and checkpoints.named(session, project, name) is None:
            raise Unprocessable(f"There is no checkpoint named {short(name)} for {role}; upload it first.")
    if value.architecture is not None:
        check_architecture(session, value.architecture, value.arguments)


def check_architecture(session: Session, name: str, arguments: dict[str, Setting]) -> None:
    """Raise a sentence unless this architecture can be built with these arguments."""
    known = cards.architectures(session)
    if name not in known:
        raise Unprocessable(f"Unknown architecture {short(name)}; known: {', '.join(known)}.")
    takes = {a.name: a for a in known[name].arguments}
    for key, value in arguments.items():
        if key not in takes:
            raise Unprocessable(f"{name} has no argument {short(key)}; its arguments: {', '.join(takes)}.")
        wrong = takes[key].wrong(value)
        if wrong:
            given = short(value) if isinstance(value, str) else repr(value)
            raise Unprocessable(f"Argument {key} of {name} {wrong}, not {given}.")


def short(text: str) -> str:
    """A user's text quoted and cut to a length that fits a sentence."""
    return repr(text if len(text) <= 60 else text[:57] + "…")


@contextmanager
def _appending(files: Files, upload: UploadRow) -> Iterator[int]:
    path = files.upload_path(upload.token)
    if upload.offset_bytes and (not path.is_file() or path.stat().st_size < upload.offset_bytes):
        raise UploadExpired("The first part of this upload is no longer here; start it again.")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        # Bytes beyond the acknowledged offset were never promised: a crash may have left some.
        os.ftruncate(handle, upload.offset_bytes)
        os.lseek(handle, upload.offset_bytes, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


def current(session: Session, token: str, *, now: Any) -> UploadRow:
    """An upload that has not expired."""
    upload = uploads.get(session, token)
    if upload.expires < now:
        raise UploadExpired("This upload was left alone for a day and is gone; start it again.")
    return upload


def get(session: Session, token: str) -> UploadRow:
    """An upload, finished or not."""
    return uploads.get(session, token)


def append(session: Session, files: Files, token: str, *, offset: int, body: bytes, checksum: str = "") -> UploadRow:
    """Add bytes at the acknowledged offset; they are on disk before the new offset is told."""
    upload = uploads.locked(session, token)
    # While its project is deleted it waits.
    projects.get(session, upload.project_id)
    if upload.finished_id is not None:
        raise Conflict("This upload is already finished.")
    if offset != upload.offset_bytes:
        raise OffsetMismatch(f"The next byte of this upload is number {upload.offset_bytes}, not {offset}.")
    if offset + len(body) > upload.size_bytes:
        raise TooLarge(f"The file was announced with {upload.size_bytes} bytes; more arrived.")
    if checksum:
        _check(checksum, body)
    with _appending(files, upload) as handle:
        view = memoryview(body)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    upload.offset_bytes = offset + len(body)
    session.flush()
    return upload


def _check(checksum: str, body: bytes) -> None:
    name, _, expected = checksum.partition(" ")
    if name not in ("sha256", "sha1"):
        raise Unprocessable("Upload-Checksum takes sha256 or sha1.")
    found = base64.b64encode(hashlib.new(name, body).digest()).decode()
    if not secrets.compare_digest(found.encode(), expected.strip().encode()):
        raise ChecksumMismatch("The bytes were damaged on the way; send this piece again.")


def finish(session: Session, files: Files, token: str) -> int:
    """Turn a complete upload into a checkpoint or probe set that waits for inspection."""
    upload = uploads.locked(session, token)
    if upload.finished_id is not None:
        return upload.finished_id
    projects.get(session, upload.project_id)
    source = files.upload_path(token)
    if not source.is_file():
        raise UploadExpired("The bytes of this upload are no longer here; start it again.")
    job: Job
    digest = hash_of(source)
    if upload.kind is UploadKind.PROBE:
        made = _new_probe(session, upload, digest)
        about = ProbeDescription.model_validate(upload.description)
        job = InspectProbe(probe=made, scale=about.scale, layout=about.layout)
    else:
        made = _healed(session, files, upload, digest) or _new_checkpoint(session, files, upload, digest)
        text = CheckpointDescription.model_validate(upload.description)
        job = InspectCheckpoint(checkpoint=made, weights=text.weights, probe=text.probe)
    files.publish(source, digest=digest)
    upload.finished_id = made
    jobs.add(session, job)
    return made


def _new_probe(session: Session, upload: UploadRow, digest: str) -> int:
    text = ProbeDescription.model_validate(upload.description)
    named = probes.named(session, upload.project_id, text.name)
    if named is not None and named.state is not State.REFUSED:
        raise Conflict(f"A probe set named {short(text.name)} exists already; choose another name.")
    if named is not None:
        session.delete(named)
        session.flush()
    row = ProbeRow(
        project_id=upload.project_id,
        name=text.name,
        notes=text.notes,
        role=text.role,
        normalisation=text.normalisation,
        upload_hash=digest,
        facts=ProbeFacts(),
        state=State.INSPECTING,
    )
    session.add(row)
    session.flush()
    return row.id


def _healed(session: Session, files: Files, upload: UploadRow, digest: str) -> int | None:
    """The checkpoint of the same bytes whose stored files are missing or damaged: it is inspected again from these."""
    row = checkpoints.with_upload(session, upload.project_id, digest)
    if row is None or all(files.is_whole(d) for d in (digest, row.file_hash, row.facts.graph) if d):
        return None
    row.file_hash, row.state, row.reason = None, State.INSPECTING, ""
    session.flush()
    return row.id


def _new_checkpoint(session: Session, files: Files, upload: UploadRow, digest: str) -> int:
    text = CheckpointDescription.model_validate(upload.description)
    _check_checkpoint(session, files, upload.project_id, text)
    refused = checkpoints.named(session, upload.project_id, text.name)
    if refused is not None and refused.state is not State.REFUSED:
        raise Conflict(
            f"A checkpoint named {short(text.name)} exists already and its stored file is lost: upload the same file "
            "again, or choose another name."
        )

    def number(name: str | None) -> int | None:
        row = None if name is None else checkpoints.named(session, upload.project_id, name)
        return None if row is None else row.id

    parent = number(text.parent)
    row = CheckpointRow(
        project_id=upload.project_id,
        name=text.name,
        group_name=text.group,
        tags=text.tags,
        notes=text.notes,
        parent_id=parent,
        init_of_id=number(text.init_of),
        teacher_id=number(text.teacher),
        root_id=None if parent is None else checkpoints.get(session, parent).root_id or parent,
        run=text.run,
        step=text.step,
        architecture=text.architecture,
        arguments=text.arguments,
        normalisation=text.normalisation,
        class_order=text.class_order,
        metrics=text.metrics,
        upload_hash=digest,
        size_bytes=upload.size_bytes,
        facts=CheckpointFacts(),
        state=State.INSPECTING,
    )
    if refused is None:
        session.add(row)
        session.flush()
    else:
        checkpoints.replace_refused(session, refused, row)
    return row.id


def forget_bytes(files: Files, token: str) -> None:
    """Remove what was collected of an upload that became something."""
    files.upload_path(token).unlink(missing_ok=True)


def cancel(session: Session, files: Files, token: str) -> None:
    """Forget an unfinished upload and its bytes."""
    upload = uploads.locked(session, token)
    if upload.finished_id is not None:
        raise Conflict("This upload is already finished.")
    files.upload_path(token).unlink(missing_ok=True)
    session.delete(upload)


def collect_expired(session: Session, files: Files) -> int:
    """Remove uploads that were left alone; returns how many."""
    gone = uploads.expired(session)
    for upload in gone:
        files.upload_path(upload.token).unlink(missing_ok=True)
        session.delete(upload)
    return len(gone)
