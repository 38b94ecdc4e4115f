"""Names hidden from whoever opens a masked link: a reviewer sees numbers, not who made them."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.store import checkpoints, comparisons, probes, projects

# Who somebody is, by name.
NAMES = {"labels", "counted", "name", "parent", "init_of", "teacher", "root"}
RELATIVES = {"parent", "init_of", "teacher", "root"}
GROUPS = {"group", "groups", "a", "b"}
FIXED: Mapping[str, Any] = {
    # A number that says nothing.
    "project": 1,
    "project_name": "project",
    "probe": "probe set",
    "notes": "",
    "run": "",
    "content_hash": None,
    "size_bytes": None,
    "tags": {},
    "mismatches": [],
    "proposals": [],
    "row_tag": "first tag",
    "column_tag": "second tag",
}
# Words of the program, of measures and of architectures; all other text is searched for names.
KEPT = {
    *(
        "measure",
        "measures",
        "slug",
        "key",
        "layer",
        "other_layer",
        "layers",
        "columns",
        "outcomes",
        "x",
        "y",
        "control",
    ),
    *("state", "role", "arity", "tab", "single", "outcome", "data", "kind", "why", "interval", "reading", "topic"),
    *("architecture", "level", "reduction", "precision", "verdict", "created"),
}
# Parts of a query that name a group.
ASKED = {"a", "b", "seeds"}
STRANGER, STRANGER_GROUP = "another network", "no such group"
# Parts of a view that hold names, or whatever its maker typed.
WITH_NAMES = ("g", "h", "strips", "find", "columns", "x", "y")
# A single letter is a word of every other sentence.
FEWEST_LETTERS = 2
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Mask:
    """What stands for each name.

    Attributes:
        names: of checkpoints, and of the comparison itself.
        groups: of groups.
        secrets: every other text that must not be read, such as names of relatives and probe sets.
    """

    names: Mapping[str, str]
    groups: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _said(self) -> dict[str, str]:
        return {**self.secrets, **self.groups, **self.names}

    @cached_property
    def _anywhere(self) -> "re.Pattern[str] | None":
        words = sorted((w for w in self._said if len(w) >= FEWEST_LETTERS), key=len, reverse=True)
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])") if words else None

    def text(self, words: str) -> str:
        """A sentence without names."""
        return words if self._anywhere is None else self._anywhere.sub(lambda m: self._said[m.group()], words)

    def document(self, value: Any, key: str = "") -> Any:
        """A JSON document without names."""
        # What a person wrote is a text; numbers beside a cell, which have the same key, are a dictionary.
        is_of_cell = key == "notes" and isinstance(value, dict)
        if key in FIXED and value not in (None, "") and not is_of_cell:
            return FIXED[key]
        if key == "train_probe" and value is not None:
            return "train probe set"
        if isinstance(value, dict):
            return {self._key(k, key): self.document(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.document(v, key) for v in value]
        if not isinstance(value, str) or key in KEPT:
            return value
        if key in NAMES and value in self.names:
            return self.names[value]
        if key in RELATIVES:
            return STRANGER
        if key in GROUPS:
            return self.groups.get(value, value if value == "" else "another group")
        return self.text(value)

    def _key(self, key: str, above: str) -> str:
        # All other keys are the program's, whatever groups are called.
        return self.text(key) if above == "metrics" else key

    def float32(self, body: bytes) -> bytes:
        """A drawn matrix (``exports.as_float32``) without names."""
        length = int.from_bytes(body[:4], "little")
        header = json.dumps(self.document(json.loads(body[4 : 4 + length]))).encode()
        header += b" " * (-len(header) % 4)
        return len(header).to_bytes(4, "little") + header + body[4 + length :]

    def npz(self, body: bytes) -> bytes:
        """An archive of a matrix (``exports.as_npz``) without names."""
        with np.load(io.BytesIO(body)) as arrays:
            parts = {name: arrays[name] for name in arrays.files}
        header = json.dumps(self.document(json.loads(parts["header"].tobytes()))).encode()
        out = io.BytesIO()
        np.savez(out, **{**parts, "header": np.frombuffer(header, np.uint8)})
        return out.getvalue()

    def query(self, query: str) -> str:
        """A query of a visitor, in which groups have the names that they were told."""
        told = {shown: name for name, shown in self.groups.items()}
        parts = parse_qsl(query, keep_blank_values=True)
        # A name that was guessed is as unknown as any other word, so that nobody learns whether it is one.
        real = {v: told.get(v, STRANGER_GROUP if v in self.groups else v) for _, v in parts}
        return urlencode([(k, real[v] if k in ASKED else v) for k, v in parts])


def of(session: Session, comparison: int) -> Mask:
    """The mask of a comparison: networks by their place, groups by letters."""
    row = comparisons.get(session, comparison)
    people = checkpoints.by_ids(session, row.specification.checkpoints)
    names = {p.name: f"network {k}" for k, p in enumerate(people, start=1)}
    if row.name:
        names.setdefault(row.name, "comparison")
    groups: dict[str, str] = {}
    for person in people:
        if person.group_name and person.group_name not in groups:
            groups[person.group_name] = f"group {_letters(len(groups))}"
    asked = row.specification
    secrets = dict.fromkeys(probes.names(session, asked.probes).values(), "probe set")
    secrets.update(dict.fromkeys(projects.names(session, {row.project_id}).values(), "project"))
    related = {i for p in people for i in (p.parent_id, p.init_of_id, p.teacher_id, p.root_id) if i is not None}
    references = {i for m in asked.measures for i in m.references}
    secrets.update(dict.fromkeys(checkpoints.names(session, related | references).values(), STRANGER))
    for person in people:
        secrets.update(dict.fromkeys(filter(None, [person.run, *person.tags.values(), *person.tags]), "hidden"))
    return Mask(names, groups, {k: v for k, v in secrets.items() if k not in names and k not in groups})


def _letters(k: int) -> str:
    """A, B and so on to Z, then AA."""
    out = ""
    k += 1
    while k:
        k, rest = divmod(k - 1, len(LETTERS))
        out = LETTERS[rest] + out
    return out


def view_without_names(view: str) -> str:
    """A view's address without what names groups and tags, and without words that somebody typed."""
    return urlencode([(k, v) for k, v in parse_qsl(view.lstrip("?")) if k not in WITH_NAMES])
