"""Bundles of studies: whether one was changed, and whether its numbers come out again."""

import hashlib
import math
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kinscape.backend.contracts.bundles import (
    CELLS,
    FORMAT,
    MANIFEST,
    ROOT,
    BundledCheckpoint,
    Manifest,
    cell_hash,
    cell_key,
    read_cells,
    root_of,
)
from kinscape.client import Client, ClientError, Project, Study

# A manifest with a hash for each of a million cells.
MOST_BYTES = 512 << 20
# Files are read in pieces.
CHUNK = 1 << 20


@dataclass(frozen=True)
class Bundle:
    """An opened bundle."""

    path: Path
    manifest: Manifest
    root: str
    stated_root: str
    cells: list[dict[str, str]]


@dataclass(frozen=True)
class Difference:
    """A number that came out otherwise."""

    cell: str
    column: str
    before: float
    after: float
    tolerance: float


@dataclass
class Reproduction:
    """How the numbers of a bundle came out again.

    Attributes:
        equal: numbers that are the same bit for bit.
        within: numbers within their tolerance.
        beyond: numbers that are not.
        missing: cells that did not come out at all.
    """

    study: Study
    equal: int = 0
    within: int = 0
    beyond: list[Difference] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    largest: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether every number came out within its tolerance."""
        return not self.beyond and not self.missing


def opened(path: Path) -> Bundle:
    """A bundle from its file.

    Raises:
        ClientError: it is none; the message says what is wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = _member(archive, MANIFEST)
            stated = _member(archive, ROOT).strip()
            cells = read_cells(_member(archive, CELLS))
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise ClientError(f"{path} is no bundle of a study: {error}.") from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise ClientError(f"{path}: its manifest cannot be read ({error.error_count()} faults).") from error
    if manifest.format > FORMAT:
        raise ClientError(f"{path} was made by a newer Kinscape ({manifest.product}); install that one.")
    return Bundle(path, manifest, root_of(text), stated, cells)


def _member(archive: zipfile.ZipFile, name: str) -> str:
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise ClientError(f"{name} is larger than any bundle's.")
    return archive.read(name).decode()


def faults(bundle: Bundle) -> list[str]:
    """What in a bundle is not what its manifest says; nothing where all of it is."""
    found = []
    if bundle.root != bundle.stated_root:
        found.append(
            f"{MANIFEST} was changed: its hash is {bundle.root[:16]}…, {ROOT} says {bundle.stated_root[:16]}…."
        )
    known = dict(bundle.manifest.cells)
    for row in bundle.cells:
        stated = known.pop(cell_key(row), None)
        where = _where(cell_key(row))
        if stated is None:
            found.append(f"A cell was added: {where}.")
        elif stated != cell_hash(row):
            found.append(f"A cell was changed: {where} is {row['value'] or 'empty'} now.")
    found += [f"A cell was taken out: {_where(key)}." for key in known]
    with zipfile.ZipFile(bundle.path) as archive:
        there = set(archive.namelist())
        for name, digest in bundle.manifest.files.items():
            if name not in there:
                found.append(f"{name} is missing.")
            elif not found and _hash_in(archive, name) != digest:
                found.append(f"{name} was changed.")
        for digest in bundle.manifest.stored:
            name = f"files/{digest}"
            if name not in there:
                if bundle.manifest.has_files:
                    found.append(f"{name} is missing.")
            elif _hash_in(archive, name) != digest:
                found.append(f"{name} was changed.")
    return found


def _where(key: str) -> str:
    measure, layer, a, b = key.split("\t")
    at = f" at {layer}" if layer else ""
    return f"{measure}{at} of {a}" if a == b else f"{measure}{at} between {a} and {b}"


def _hash_in(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def reproduce(bundle: Bundle, client: Client, *, project: str = "") -> Reproduction:
    """Compute every number of a bundle again, in a project of its own.

    Raises:
        ClientError: it holds no files, it was changed, or a file came out as something else.
    """
    wrong = faults(bundle)
    if wrong:
        raise ClientError(f"This bundle is not what it was: {wrong[0]}")
    manifest = bundle.manifest
    if not manifest.has_files:
        raise ClientError("This bundle refers to its files by hash and does not hold them; ask for one with files.")
    room = client.create_project(project or f"reproduced: {manifest.study.name} {bundle.root[:8]}"[:200])
    with tempfile.TemporaryDirectory() as folder:
        _upload(bundle, room, Path(folder))
    study = _study(manifest, room).run().wait(show=False)
    with tempfile.TemporaryDirectory() as folder:
        again = opened(study.bundle(Path(folder) / "again.zip", files=False))
    return _compared(bundle, again, study)


def _upload(bundle: Bundle, room: Project, folder: Path) -> None:
    with zipfile.ZipFile(bundle.path) as archive:
        for probe in bundle.manifest.probes:
            path = _extracted(archive, probe.file, folder / f"probe{probe.suffix}")
            made = room.upload_probe(path, name=probe.name, role=probe.role, normalisation=probe.normalisation)
            _same(made.content_hash, probe.content_hash, probe.name)
        for one in _relatives_first(bundle.manifest.checkpoints):
            path = _extracted(archive, one.file, folder / f"checkpoint{one.suffix}")
            names = {c.name for c in bundle.manifest.checkpoints}
            related = {k: v for k in ("parent", "init_of", "teacher") if (v := getattr(one, k)) in names}
            checkpoint = room.upload_checkpoint(
                path,
                name=one.name,
                group=one.group,
                tags=one.tags,
                run=one.run,
                step=one.step,
                architecture=one.architecture,
                arguments=one.arguments,
                normalisation=one.normalisation,
                class_order=one.class_order,
                **related,
            )
            _same(checkpoint.content_hash, one.content_hash, one.name)


def _extracted(archive: zipfile.ZipFile, digest: str, path: Path) -> Path:
    with archive.open(f"files/{digest}") as source, path.open("wb") as target:
        while piece := source.read(CHUNK):
            target.write(piece)
    return path


def _same(found: str | None, stated: str | None, name: str) -> None:
    if found != stated:
        raise ClientError(f"{name} came out as something else: its content is {found}, the bundle says {stated}.")


def _relatives_first(some: Iterable[BundledCheckpoint]) -> list[BundledCheckpoint]:
    """Checkpoints after those that they name; a circle is broken where it is met."""
    left = {c.name: c for c in some}
    out: list[BundledCheckpoint] = []
    while left:
        free = [c for c in left.values() if not {c.parent, c.init_of, c.teacher} & set(left) - {c.name}]
        for one in free or [next(iter(left.values()))]:
            out.append(left.pop(one.name))
    return out


def _study(manifest: Manifest, room: Project) -> Study:
    train = manifest.study.train_probe
    measures: list[dict[str, Any]] = [{"slug": m.slug, "parameters": m.parameters} for m in manifest.measures]
    return room.study(
        manifest.study.template.name,
        roles=dict(manifest.roles),
        probe=manifest.study.probe,
        train_probe=train,
        measures=measures,
        match=manifest.study.match,
        level=manifest.study.level,
        name=manifest.study.name,
    )


def _compared(before: Bundle, after: Bundle, study: Study) -> Reproduction:
    found = Reproduction(study)
    tolerances = {m.key: m.tolerance for m in before.manifest.measures}
    again = {cell_key(row): row for row in after.cells}
    for row in before.cells:
        other = again.get(cell_key(row))
        if other is None:
            found.missing.append(_where(cell_key(row)))
            continue
        for column in ("value", "low", "high"):
            _compare(found, row, other, column=column, tolerance=tolerances.get(row["measure"], 0.0))
    return found


def _compare(found: Reproduction, row: dict[str, str], other: dict[str, str], *, column: str, tolerance: float) -> None:
    if row[column] == other[column]:
        found.equal += bool(row[column])
        return
    one, two = (float(x[column]) if x[column] else math.nan for x in (row, other))
    # A tolerance is relative to what is larger than 1.
    limit = tolerance * max(1.0, abs(one))
    apart = abs(one - two)
    if apart <= limit:
        found.within += 1
        found.largest = max(found.largest, apart)
    else:
        found.beyond.append(Difference(_where(cell_key(row)), column, one, two, limit))
