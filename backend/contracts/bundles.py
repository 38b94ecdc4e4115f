"""A study as a file: everything that its numbers depend on, the numbers, and hashes of all of it."""

import csv
import datetime as dt
import hashlib
import io
import json
from typing import Any

from pydantic import BaseModel, Field

from kinscape.backend.contracts.studies import Study, StudyResults

MANIFEST = "manifest.json"
CELLS = "cells.csv"
VERDICT = "verdict.txt"
README = "README.txt"
ROOT = "ROOT.txt"
# Digits of a cell's own hash: enough to name it, the hash of the whole file guards it.
CELL_DIGITS = 16
COLUMNS = ("measure", "layer", "a", "b", "value", "low", "high", "n")
FORMAT = 1


class BundledCheckpoint(BaseModel):
    """A checkpoint by what it is, and what is said of it."""

    name: str
    group: str
    tags: dict[str, str]
    parent: str | None
    init_of: str | None
    teacher: str | None
    run: str
    step: int | None
    architecture: str | None
    arguments: dict[str, Any]
    normalisation: dict[str, Any] | None
    class_order: list[int] | None
    level: str
    content_hash: str | None = Field(description="Of the weights, whatever the file.")
    file: str = Field(description="SHA-256 of the file in files/, or of where to find it.")
    suffix: str


class BundledProbe(BaseModel):
    """A probe set by what it is."""

    name: str
    role: str
    normalisation: dict[str, Any] | None
    content_hash: str | None
    file: str
    suffix: str


class BundledMeasure(BaseModel):
    """A measure with everything that its number depends on."""

    key: str
    slug: str
    version: int
    parameters: dict[str, int | float | str]
    references: list[str]
    probe: str = Field(default="", description="Its own probe set; empty where it is the study's.")
    tolerance: float = Field(description="How far two correct computations may differ, relative above 1.")
    is_symmetric: bool = Field(description="Whether a pair has one number, whichever comes first.")


class Manifest(BaseModel):
    """What is in a bundle, and how it was made."""

    format: int = FORMAT
    product: str
    made: dt.datetime
    study: Study
    results: StudyResults
    roles: dict[str, list[str]]
    checkpoints: list[BundledCheckpoint]
    probes: list[BundledProbe]
    measures: list[BundledMeasure]
    layers: list[str]
    reduction: str
    precision: str
    seed: int
    devices: list[str]
    has_files: bool
    cells: dict[str, str] = Field(description="Hash of each cell, by measure, layer and checkpoints.")
    files: dict[str, str] = Field(description="SHA-256 of every other file, by its name in the bundle.")

    @property
    def stored(self) -> list[str]:
        """Hashes of the files of checkpoints and probe sets."""
        files = [c.file for c in self.checkpoints] + [p.file for p in self.probes]
        return sorted({digest for digest in files if digest})

    def text(self) -> str:
        """As it is written; the root is the hash of this."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=False)


def root_of(manifest: str) -> str:
    """The hash that stands for a whole bundle."""
    return hashlib.sha256(manifest.encode()).hexdigest()


def cell_key(row: dict[str, str]) -> str:
    """Which cell a line of the table is."""
    return "\t".join(row[name] for name in ("measure", "layer", "a", "b"))


def cell_hash(row: dict[str, str]) -> str:
    """The hash of one line of the table."""
    return hashlib.sha256("\t".join(row[name] for name in COLUMNS).encode()).hexdigest()[:CELL_DIGITS]


def cells_csv(rows: list[dict[str, str]]) -> str:
    """Cells as a table."""
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return out.getvalue()


def read_cells(text: str) -> list[dict[str, str]]:
    """The lines of such a table; a line that is cut short has empty columns."""
    return [{name: row.get(name) or "" for name in COLUMNS} for row in csv.DictReader(io.StringIO(text))]
