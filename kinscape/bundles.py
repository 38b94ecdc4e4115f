"""Bundles of studies: whether one was changed, and whether its numbers come out again."""

import csv
import hashlib
import math
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kinscape.backend.contracts.bundles import (
    CELLS,
    FORMAT,
    MANIFEST,
    README,
    ROOT,
    VERDICT,
    BundledCheckpoint,
    Manifest,
    cell_hash,
    cell_key,
    read_cells,
    root_of,
)
from kinscape.client import Client, ClientError, Project, Study

# Whatever reading a zip archive that somebody damaged may raise.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    csv.Error,
    KeyError,
    UnicodeDecodeError,
    RuntimeError,
    NotImplementedError,
    EOFError,
)
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
        effects: effects and tests that came out otherwise, in words.
    """

    study: Study
    equal: int = 0
    within: int = 0
    beyond: list[Difference] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    largest: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether every number came out within its tolerance, and every effect and test with them."""
        return not (self.beyond or self.missing or self.effects)


def opened(path: Path) -> Bundle:
    """A bundle from its file.

    Raises:
        ClientError: it is none, or damaged; the message says what is wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = _member(archive, MANIFEST)
            stated = _member(archive, ROOT).strip()
            cells = read_cells(_member(archive, CELLS))
    except DAMAGE as error:
        raise ClientError(f"{path} is no bundle of a study, or damaged: {error}.") from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise ClientError(f"{path}: its manifest cannot be read ({error.error_count()} faults).") from error
    if not 1 <= manifest.format <= FORMAT:
        made = f"made by Kinscape {manifest.product}"
        raise ClientError(f"{path} has the format {manifest.format}, {made}; install that one.")
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
    found += _contradictions(bundle.manifest) + _cell_faults(bundle)
    try:
        with zipfile.ZipFile(bundle.path) as archive:
            return found + _file_faults(bundle.manifest, archive, has_cell_faults=bool(found))
    except DAMAGE as error:
        return [*found, f"The archive is damaged: {error}."]


def _cell_faults(bundle: Bundle) -> list[str]:
    found = []
    known = dict(bundle.manifest.cells)
    for row in bundle.cells:
        stated = known.pop(cell_key(row), None)
        where = _where(cell_key(row))
        if stated is None:
            found.append(f"A cell was added: {where}.")
        elif stated != cell_hash(row):
            found.append(f"A cell was changed: {where} is {row['value'] or 'empty'} now.")
    return found + [f"A cell was taken out: {_where(key)}." for key in known]


def _contradictions(manifest: Manifest) -> list[str]:
    """What a manifest says in two ways that do not agree."""
    found = []
    registration = manifest.study.registration
    if registration is not None and registration.specification.digest() != registration.hash:
        found.append("What was preregistered does not have the hash that it was registered with.")
    verdict = hashlib.sha256(("\n".join(manifest.results.verdict) + "\n").encode()).hexdigest()
    if manifest.files.get(VERDICT) != verdict:
        found.append(f"{VERDICT} does not say what the results say.")
    missing = {CELLS, README, VERDICT} - set(manifest.files)
    return found + [f"{MANIFEST} does not vouch for {name}." for name in sorted(missing)]


def _file_faults(manifest: Manifest, archive: zipfile.ZipFile, *, has_cell_faults: bool) -> list[str]:
    names = archive.namelist()
    stored = {f"files/{digest}": digest for digest in manifest.stored}
    found = [f"{name} is there twice." for name in sorted({n for n in names if names.count(n) > 1})]
    vouched = {MANIFEST, ROOT, *manifest.files, *stored}
    found += [f"{name!r} was added." for name in sorted(set(names) - vouched)]
    for name, digest in manifest.files.items():
        if name not in names:
            found.append(f"{name} is missing.")
        elif not (has_cell_faults and name == CELLS) and _hash_in(archive, name) != digest:
            found.append(f"{name} was changed.")
    for name, digest in stored.items():
        if name in names and _hash_in(archive, name) != digest:
            found.append(f"{name} was changed.")
        elif name not in names and manifest.has_files:
            found.append(f"{name} is missing.")
    return found


def _where(key: str) -> str:
    measure, layer, a, b = ([*key.split("\t"), "", "", ""])[:4]
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
    """Checkpoints in their order, but none before those that it names; a circle is broken where it is met."""
    left = {c.name: c for c in some}
    out: list[BundledCheckpoint] = []

    def take(name: str | None) -> None:
        one = left.pop(name or "", None)
        if one is not None:
            for relative in (one.parent, one.init_of, one.teacher):
                take(relative)
            out.append(one)

    for name in list(left):
        take(name)
    return out


def _study(manifest: Manifest, room: Project) -> Study:
    train = manifest.study.train_probe
    own = [m for m in manifest.measures if not m.probe]
    measures: list[dict[str, Any]] = [{"slug": m.slug, "parameters": m.parameters} for m in own]
    return room.study(
        manifest.study.template.name,
        roles=dict(manifest.roles),
        probe=manifest.study.probe,
        train_probe=train,
        also_on=manifest.study.also_on,
        contrasts=manifest.study.contrasts,
        measures=measures,
        match=manifest.study.match,
        level=manifest.study.level,
        name=manifest.study.name,
    )


def _compared(before: Bundle, after: Bundle, study: Study) -> Reproduction:
    found = Reproduction(study)
    tolerances = {m.key: m.tolerance for m in before.manifest.measures}
    again = {cell_key(row): row for row in after.cells}
    symmetric = {m.key for m in before.manifest.measures if m.is_symmetric}
    for row in before.cells:
        turned = cell_key({**row, "a": row["b"], "b": row["a"]})
        other = again.get(cell_key(row)) or (again.get(turned) if row["measure"] in symmetric else None)
        if other is None:
            found.missing.append(_where(cell_key(row)))
            continue
        for column in ("value", "low", "high"):
            _compare(found, row, other, column=column, tolerance=tolerances.get(row["measure"], 0.0))
    found.effects = _other_effects(before.manifest, after.manifest, tolerances)
    return found


def _other_effects(before: Manifest, after: Manifest, tolerances: dict[str, float]) -> list[str]:
    """Effects that did not come out again, in words."""
    again = {(e.suite, e.measure, e.contrast, e.kind, e.title): e for e in after.results.effects}
    told = []
    for e in before.results.effects:
        other = again.get((e.suite, e.measure, e.contrast, e.kind, e.title))
        where = f"{e.title}, {e.contrast}"
        if other is None:
            told.append(f"{where}: no such effect now.")
            continue
        limit = max(1e-9, 10 * tolerances.get(e.measure, 0.0))
        for name in ("effect", "low", "high", "p", "p_adjusted", "p_opposite_adjusted", "n"):
            one, two = getattr(e, name), getattr(other, name)
            if (one is None) != (two is None) or (one is not None and abs(one - two) > limit * max(1.0, abs(one))):
                told.append(f"{where}: {name} was {one!r} and is {two!r} now.")
    return told


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
