"""From an uploaded file to a checkpoint or probe set that is ready, or refused with a reason."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from backend.contracts.problems import Unprocessable
from backend.store import projects as rows
from backend.store.database import Database
from backend.store.files import Files
from backend.store.tables import CheckpointRow, ProbeRow
from worker.door.refusal import Refusal, quoted
from worker.loading import registry, sandbox
from worker.loading.builtin import digits

MOST_LISTED = 50


def inspect(database: Database, files: Files, payload: dict[str, Any]) -> None:
    """Inspect one upload; the outcome is written to its row."""
    with database.transaction() as session:
        row: CheckpointRow | ProbeRow
        if "probe" in payload:
            row = rows.probe(session, payload["probe"])
        else:
            row = rows.checkpoint(session, payload["checkpoint"])
        if row.state != "inspecting":
            return
        digest, known = row.upload_hash or "", row.file_hash
        builtin = row.role if "builtin" in payload and isinstance(row, ProbeRow) else None
    opened: dict[str, Any] | None = None
    reason = ""
    if known is None:
        try:
            if builtin is not None:
                opened = _builtin(files, builtin)
            else:
                opened = _open(files, digest, kind="probe" if "probe" in payload else "checkpoint")
        except Refusal as refusal:
            reason = str(refusal)
    with database.transaction() as session:
        if "probe" in payload:
            _settle_probe(rows.probe(session, payload["probe"]), opened, reason)
        else:
            _settle_checkpoint(session, rows.checkpoint(session, payload["checkpoint"]), opened, reason)


def refuse(session: Session, payload: dict[str, Any], sentence: str) -> None:
    """Give up on an upload that could not be inspected."""
    row: CheckpointRow | ProbeRow
    if "probe" in payload:
        row = rows.probe(session, payload["probe"])
    else:
        row = rows.checkpoint(session, payload["checkpoint"])
    row.state, row.reason = "refused", sentence


def _builtin(files: Files, role: str) -> dict[str, Any]:
    """Digits, through the same door as everything else."""
    x, y = digits(role)
    folder = Path(tempfile.mkdtemp(prefix="builtin-", dir=files.quarantine))
    try:
        np.savez(folder / "digits.npz", x=x, y=y)
        digest = files.publish(folder / "digits.npz")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _open(files, digest, kind="probe")


def _open(files: Files, digest: str, *, kind: str) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="open-", dir=files.quarantine))
    try:
        opened = sandbox.open_file(files.path(digest), folder, kind=kind)
        return {**opened.manifest, "file_hash": files.publish(opened.tensors)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle_probe(row: ProbeRow, opened: dict[str, Any] | None, reason: str) -> None:
    if opened is None:
        row.state, row.reason = "refused", reason
        return
    if row.normalisation is not None:
        try:
            check_normalisation(row.normalisation, opened["shape"])
        except Refusal as refusal:
            row.state, row.reason = "refused", str(refusal)
            return
    named = json.dumps([opened["hash"], row.normalisation], sort_keys=True)
    row.content_hash = hashlib.sha256(named.encode()).hexdigest()
    row.file_hash = opened["file_hash"]
    row.found = {k: opened[k] for k in (
        "samples", "shape", "duplicates", "constant_features", "classes", "class_counts"
    )}  # fmt: skip
    row.state = "ready"


def check_normalisation(rule: dict[str, Any], shape: list[int]) -> None:
    """Raise unless a normalisation has one mean and one positive spread per channel."""
    mean, std = rule.get("mean"), rule.get("std")
    if set(rule) != {"mean", "std"} or mean is None or std is None or len(mean) != len(std):
        raise Refusal('The normalisation needs "mean" and "std", one number per channel each.')
    if any(not s > 0 for s in std):
        raise Refusal("Every std of the normalisation must be greater than 0.")
    if len(mean) not in (1, shape[0]):
        raise Refusal(f"The normalisation has {len(mean)} channels, the samples have {shape[0]}.")


def _settle_checkpoint(session: Session, row: CheckpointRow, opened: dict[str, Any] | None, reason: str) -> None:
    if reason:
        row.state, row.reason = "refused", reason
        return
    if opened is not None:
        row.content_hash, row.file_hash = opened["hash"], opened["file_hash"]
        row.found = {"tensors": opened["tensors"], "non_finite": opened["non_finite"]}
        _architecture_from_metadata(row, opened["metadata"])
    shapes = {n: tuple(shape) for n, (_, shape) in row.found["tensors"].items()}
    if row.architecture is None:
        _propose(row, shapes)
        return
    try:
        module = registry.on_meta(row.architecture, row.arguments)
    except Unprocessable as problem:
        row.state, row.reason = "refused", problem.detail
        return
    wrong = registry.mismatches(registry.shapes_of(module), shapes)
    row.found = {**row.found, "mismatches": [m.model_dump() for m in wrong[:MOST_LISTED]], "proposals": []}
    if wrong:
        row.state, row.reason = "refused", _mismatch_sentence(row, wrong, shapes)
        return
    known = registry.architectures()[row.architecture]
    arguments = known.settings(row.arguments)
    row.arguments = arguments
    row.layers = registry.layers_of(module)
    row.found = {
        **row.found,
        "parameters": sum(p.numel() for p in module.parameters()),
        "penultimate": known.penultimate(arguments),
        "accepts": known.accepts(arguments),
        "classes": arguments.get("classes"),
    }
    named = json.dumps([row.architecture, arguments, row.normalisation, row.class_order], sort_keys=True)
    row.architecture_hash = hashlib.sha256(named.encode()).hexdigest()
    if row.normalisation is not None:
        try:
            check_normalisation(row.normalisation, [row.found["accepts"].get("channels", 1)])
        except Refusal as refusal:
            row.state, row.reason = "refused", str(refusal)
            return
    if row.class_order is not None and sorted(row.class_order) != list(range(arguments.get("classes", 0))):
        row.state = "refused"
        row.reason = f"class_order must list each of the {arguments.get('classes')} classes once."
        return
    twin = rows.checkpoint_with_content(session, row)
    if twin is not None:
        row.state, row.reason = "refused", f"These weights are already here as {quoted(twin.name)}."
        return
    row.state = "ready"
    if row.found["non_finite"]:
        row.reason = f"{row.found['non_finite']} weights are NaN or infinite; measures will say so."


def _architecture_from_metadata(row: CheckpointRow, metadata: dict[str, str]) -> None:
    if row.architecture is None and metadata.get("architecture") in registry.architectures():
        row.architecture = metadata["architecture"]
        takes = {a.name for a in registry.architectures()[row.architecture].arguments}
        row.arguments = {k: int(v) for k, v in metadata.items() if k in takes and v.isdecimal() and len(v) < 10}


def _propose(row: CheckpointRow, shapes: dict[str, tuple[int, ...]]) -> None:
    found = registry.proposals(shapes)
    row.found = {**row.found, "proposals": [p.model_dump() for p in found]}
    row.state = "unconfirmed" if found else "refused"
    if found:
        row.reason = f"Names and shapes fit {described(found[0].architecture, found[0].arguments)}: confirm it."
    else:
        known = ", ".join(registry.architectures())
        row.reason = (
            f"Names and shapes fit none of {known}: name the architecture, or save the weights of one of these."
        )


def described(architecture: str, arguments: dict[str, Any]) -> str:
    """An architecture with its arguments, as one would type it."""
    return f"{architecture}({', '.join(f'{k}={v}' for k, v in arguments.items())})"


def _mismatch_sentence(row: CheckpointRow, wrong: list[Any], shapes: dict[str, tuple[int, ...]]) -> str:
    first = wrong[0]
    if first.found is None:
        what = f"{first.tensor} is missing"
    elif first.expected is None:
        what = f"{first.tensor} is not part of it"
    else:
        what = f"{first.tensor} has shape {first.found}, expected {first.expected}"
    name = described(row.architecture or "", row.arguments)
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    fitting = registry.proposals(shapes)
    hint = f" They would fit {described(fitting[0].architecture, fitting[0].arguments)}." if fitting else ""
    return f"The tensors do not fit {name}: {what}{more}.{hint}"
