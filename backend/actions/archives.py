"""Everything of a comparison as one zip archive, with a manifest that says what each file is."""

import csv
import hashlib
import io
import json
import re
import tempfile
import zipfile
from typing import IO

from sqlalchemy.orm import Session

from kinscape.backend.actions import checkpoints, comparisons, exports, matrices, measures, model_tables
from kinscape.backend.actions.provenance import provenance
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.store import cards, questions

# Of more checkpoints, a line for each cell is nothing that anybody reads.
MOST_AS_CSV = 60
IN_MEMORY_BYTES = 16 << 20
README = """What is here
manifest.json     what was asked, every card, and the SHA-256 of each file
checkpoints.csv   who was compared
models.csv        measures of single models with the ends of their 95 % intervals
matrices/         measures of pairs: a line for each cell, or numpy arrays where there are many checkpoints
"""


class _Archive:
    """A zip archive that remembers what was put in."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self.digests: dict[str, str] = {}

    def add(self, name: str, body: str | bytes) -> None:
        raw = body.encode() if isinstance(body, str) else body
        self.digests[name] = hashlib.sha256(raw).hexdigest()
        self._zip.writestr(name, raw)

    def close(self) -> None:
        self._zip.close()


def written(session: Session, id: int) -> IO[bytes]:
    """The archive, at its beginning; whoever reads it closes it."""
    described = comparisons.get(session, id)
    out: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115
    archive = _Archive(out)
    archive.add("README.txt", README)
    archive.add("checkpoints.csv", _checkpoints(session, id))
    archive.add("models.csv", _models(session, id))
    for k, (name, question) in enumerate(questions.of_comparison(session, id), start=1):
        if question.arity is not Arity.PAIR:
            continue
        asked = measures.find(session, id, name, layer=question.layer_a, other=question.layer_b)
        whole, about = matrices.matrix(session, asked), provenance(session, asked)
        layers = "_".join(dict.fromkeys([question.layer_a, question.layer_b]))
        stem = re.sub(r"[^\w.-]+", "-", f"{k:03d}_{name}_{layers}").strip("-_")
        if len(described.checkpoints) <= MOST_AS_CSV:
            archive.add(f"matrices/{stem}.csv", exports.as_csv(whole, about))
        else:
            archive.add(f"matrices/{stem}.npz", exports.as_npz(whole, about))
    known = cards.measures(session)
    manifest = {
        "comparison": described.model_dump(mode="json"),
        "cards": [known[m.slug].model_dump(mode="json") for m in described.measures if m.slug in known],
        "files": archive.digests,
    }
    archive.add("manifest.json", json.dumps(manifest, indent=1))
    archive.close()
    out.seek(0)
    return out


def _table(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _checkpoints(session: Session, id: int) -> str:
    head = ["name", "group", "architecture", "parameters", "parent", "init_of", "teacher", "run", "step", "tags"]
    rows = [
        [
            *map(exports.harmless, (c.name, c.group, c.kind)),
            str(c.parameters or ""),
            *map(exports.harmless, (c.parent or "", c.init_of or "", c.teacher or "", c.run)),
            "" if c.step is None else str(c.step),
            exports.harmless(" ".join(f"{k}={v}" for k, v in c.tags.items())),
        ]
        for c in checkpoints.of_comparison(session, id)
    ]
    return _table([head, *rows])


def _models(session: Session, id: int) -> str:
    table = model_tables.models(session, id)
    grids = [g.array() for g in (table.values, table.low, table.high)]
    names = [f"{c.measure}@{c.layer}" if c.layer else c.measure for c in table.columns]
    head = ["checkpoint", *[f"{name}{end}" for name in names for end in ("", " low", " high")]]
    rows = [
        [exports.harmless(label), *[exports.text(float(g[i, k])) for k in range(len(names)) for g in grids]]
        for i, label in enumerate(table.labels)
    ]
    return _table([head, *rows])
