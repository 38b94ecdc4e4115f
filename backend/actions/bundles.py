"""A study as one zip archive, whole enough to be computed again elsewhere."""

import datetime as dt
import hashlib
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from typing import IO

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.actions import measures, studies
from kinscape.backend.contracts.bundles import (
    CELLS,
    MANIFEST,
    README,
    ROOT,
    VERDICT,
    BundledCheckpoint,
    BundledMeasure,
    BundledProbe,
    Manifest,
    cell_hash,
    cell_key,
    cells_csv,
    root_of,
)
from kinscape.backend.contracts.checkpoints import Level
from kinscape.backend.contracts.comparisons import ComparisonState, SpecifiedMeasure
from kinscape.backend.contracts.problems import Conflict
from kinscape.backend.store import cards, checkpoints, comparisons, probes, questions
from kinscape.backend.store.files import Files
from kinscape.backend.store.tables import CheckpointRow, ComparisonRow, ProbeRow

IN_MEMORY_BYTES = 16 << 20
ABOUT = """A study of Kinscape, with everything that its numbers depend on.
manifest.json   question, roles, measures with versions and parameters, hashes of checkpoints and probe sets, results
cells.csv       every number with the ends of its 95 % interval
files/          checkpoints and probe sets, named by their SHA-256 (where they are included)
ROOT.txt        SHA-256 of manifest.json: it stands for the whole bundle
kinscape verify BUNDLE               whether anything in it was changed, without a server
kinscape reproduce BUNDLE --url URL  computes every number again and lists the differences
"""


def written(session: Session, files: Files, id: int, *, has_files: bool) -> IO[bytes]:
    """The archive, at its beginning; whoever reads it closes it.

    Raises:
        Conflict: the study was not run.
    """
    study = studies.get(session, id)
    if study.comparison is None:
        raise Conflict("This study has not been run yet, so there is nothing to bundle.")
    row = comparisons.get(session, study.comparison)
    if row.state is ComparisonState.RUNNING:
        raise Conflict("This study is still being computed; bundle it when its numbers are there.")
    people = _with_relatives(session, row.specification.checkpoints)
    sets = [probes.get(session, i) for i in sorted(row.specification.probes)]
    cells = list(_cells(session, row))
    bundled = [_checkpoint(session, c) for c in people]
    names = {c.id: c.name for c in people}
    body = {README: ABOUT, CELLS: cells_csv(cells), VERDICT: "\n".join(_verdict(session, id)) + "\n"}
    manifest = Manifest(
        product=version("kinscape"),
        made=dt.datetime.now(dt.UTC),
        study=study,
        results=studies.results(session, id),
        roles={role: [m.name for m in some] for role, some in study.roles.items()},
        checkpoints=bundled,
        probes=[_probe(p) for p in sets],
        measures=[_measure(session, m, names) for m in row.specification.measures],
        layers=row.specification.layers,
        reduction=row.specification.reduction,
        precision=row.specification.precision,
        seed=row.specification.seed,
        devices=sorted({w.device for w in cards.workers(session)}),
        has_files=has_files,
        cells={cell_key(c): cell_hash(c) for c in cells},
        files={name: hashlib.sha256(text.encode()).hexdigest() for name, text in body.items()},
    )
    out: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        text = manifest.text()
        for name, content in {**body, MANIFEST: text, ROOT: root_of(text) + "\n"}.items():
            archive.writestr(name, content)
        if has_files:
            for digest in manifest.stored:
                archive.write(files.verified(digest), f"files/{digest}", zipfile.ZIP_STORED)
    out.seek(0)
    return out


def _with_relatives(session: Session, ids: list[int]) -> list[CheckpointRow]:
    """Checkpoints of a study and all that they descend from or learned from: who is related counts."""
    found: dict[int, CheckpointRow] = {}
    wanted = list(ids)
    while wanted:
        rows = checkpoints.by_ids(session, wanted)
        found.update({r.id: r for r in rows})
        relatives = {i for r in rows for i in (r.parent_id, r.init_of_id, r.teacher_id, r.root_id) if i is not None}
        wanted = sorted(relatives - set(found))
    return [found[i] for i in sorted(found)]


def _verdict(session: Session, id: int) -> list[str]:
    return studies.results(session, id).verdict


def _cells(session: Session, row: ComparisonRow) -> Iterator[dict[str, str]]:
    """Every number of a comparison, as text that gives it back bit for bit."""
    for name, question in questions.of_comparison(session, row.id):
        asked = measures.find(session, row.id, name, layer=question.layer_a, other=question.layer_b)
        labels = dict(zip(asked.ids, asked.labels, strict=True))
        cells = measures.cells_of(session, asked)
        for k in np.flatnonzero(cells.has_number).tolist():
            numbers = {
                n: repr(float(getattr(cells, f"{n}s" if n == "value" else n)[k])) for n in ("value", "low", "high")
            }
            yield {
                "measure": name,
                "layer": question.layer_a,
                "a": labels[int(cells.a[k])],
                "b": labels[int(cells.b[k])],
                **{n: "" if text == "nan" else text for n, text in numbers.items()},
                "n": str(int(cells.samples[k])),
            }


def _checkpoint(session: Session, row: CheckpointRow) -> BundledCheckpoint:
    related = checkpoints.names(session, {i for i in (row.parent_id, row.init_of_id, row.teacher_id) if i is not None})
    # The tensors as they were read tell all of weights; programs and recordings are their files.
    is_file = row.level in (Level.PROGRAM, Level.RECORDED)
    return BundledCheckpoint(
        name=row.name,
        group=row.group_name,
        tags={str(k): str(v) for k, v in row.tags.items()},
        parent=related.get(row.parent_id or 0),
        init_of=related.get(row.init_of_id or 0),
        teacher=related.get(row.teacher_id or 0),
        run=row.run,
        step=row.step,
        architecture=row.architecture if row.level is Level.NETWORK else None,
        arguments=row.arguments if row.level is Level.NETWORK else {},
        normalisation=row.normalisation,
        class_order=row.class_order,
        level=row.level,
        content_hash=row.content_hash,
        file=(row.upload_hash if is_file else row.file_hash) or "",
        suffix=".pt2" if row.level is Level.PROGRAM else ".safetensors",
    )


def _probe(row: ProbeRow) -> BundledProbe:
    return BundledProbe(
        name=row.name,
        role=row.role,
        normalisation=row.normalisation,
        content_hash=row.content_hash,
        file=row.file_hash or "",
        suffix=".safetensors",
    )


def _measure(session: Session, asked: SpecifiedMeasure, names: dict[int, str]) -> BundledMeasure:
    card = measures.card_of(session, asked.slug)
    return BundledMeasure(
        key=asked.name,
        slug=asked.slug,
        version=asked.version,
        parameters=asked.parameters,
        references=[names.get(i, str(i)) for i in asked.references],
        probe="" if asked.probe is None else probes.get(session, asked.probe).name,
        tolerance=card.tolerance,
        is_symmetric=card.symmetric,
    )
