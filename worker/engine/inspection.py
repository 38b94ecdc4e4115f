"""From an uploaded file to a checkpoint or probe set that is ready, or refused with a reason."""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session
from torch import nn

from kinscape.backend.contracts.checkpoints import CheckpointFacts, Level, Mismatch
from kinscape.backend.contracts.jobs import AddBuiltin, Derive, Fingerprint, InspectCheckpoint, InspectProbe
from kinscape.backend.contracts.probes import ProbeFacts
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.backend.contracts.uploads import State, UploadKind
from kinscape.backend.store import checkpoints, fingerprints, probes
from kinscape.backend.store.database import Database
from kinscape.backend.store.files import Files
from kinscape.backend.store.tables import CheckpointRow, ProbeRow
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.engine.fingerprints import Looked, look
from kinscape.worker.engine.levels import describe_program, describe_weights
from kinscape.worker.engine.recordings import describe_recording, is_recording
from kinscape.worker.loading import registry, sandbox
from kinscape.worker.loading.builtin import digits
from kinscape.worker.loading.module_facts import classes_of

# A reader needs the first differences, not all.
MOST_LISTED = 50
# How files call the types of whole numbers in which quantised weights are kept.
WHOLE = {"I8": "int8", "U8": "uint8", "I16": "int16", "I32": "int32", "BOOL": "bool"}


@dataclass(frozen=True)
class OpenedFile:
    """What came out of the sandbox: the manifest, and tensors and graph by the hashes of their files."""

    manifest: sandbox.Manifest
    file_hash: str
    looked: Looked | None = None
    graph: str = ""

    @property
    def non_finite(self) -> int:
        """How many values are NaN or infinite."""
        return 0 if self.looked is None else self.looked.non_finite


def inspect_checkpoint(database: Database, files: Files, job: InspectCheckpoint) -> None:
    """Inspect an uploaded checkpoint; the outcome is written to its row."""
    with database.transaction() as session:
        row = checkpoints.find(session, job.checkpoint)
        if row is None or row.state is not State.INSPECTING:
            return
        digest, is_open = row.upload_hash or "", row.file_hash is not None
    opened, reason = None, ""
    if not is_open:
        try:
            opened = _open(files, digest, kind=UploadKind.CHECKPOINT, wanted=job.weights)
        except Refusal as refusal:
            reason = str(refusal)
    with database.transaction() as session:
        row = checkpoints.find(session, job.checkpoint)
        if row is None:
            # Removed while its file was read.
            return
        try:
            if reason:
                raise Refusal(reason)
            _settle_checkpoint(session, files, row, opened, probe=job.probe)
        except Refusal as refusal:
            row.state, row.reason = State.REFUSED, str(refusal)


def inspect_probe(database: Database, files: Files, job: InspectProbe | AddBuiltin) -> None:
    """Inspect an uploaded probe set, or one that comes with the program; the outcome is written to its row."""
    with database.transaction() as session:
        row = probes.find(session, job.probe)
        if row is None or row.state is not State.INSPECTING:
            return
        digest, role = row.upload_hash or "", row.role
    opened, reason = None, ""
    try:
        if isinstance(job, AddBuiltin):
            opened = _builtin(files, role)
        else:
            opened = _open(files, digest, kind=UploadKind.PROBE, wanted=f"{job.scale} {job.layout}")
    except Refusal as refusal:
        reason = str(refusal)
    with database.transaction() as session:
        row = probes.find(session, job.probe)
        if row is None:
            # Deleted while its file was read.
            return
        try:
            if opened is None:
                raise Refusal(reason)
            _settle_probe(row, opened)
        except Refusal as refusal:
            row.state, row.reason = State.REFUSED, str(refusal)


def settle_derived(
    session: Session, files: Files, row: CheckpointRow, source: CheckpointRow | None, digest: str
) -> None:
    """A checkpoint that was made from another one: the same architecture or graph, other weights.

    Args:
        source: whose architecture or graph it has; None where what was made is no network.
        digest: of the file with its weights.

    Raises:
        Refusal: it cannot be used.
    """
    opened = _open(files, digest, kind=UploadKind.CHECKPOINT)
    row.upload_hash = digest
    row.size_bytes = files.path(digest).stat().st_size
    kept = opened if source is None else replace(opened, graph=source.facts.graph)
    _settle_checkpoint(session, files, row, kept, probe="")
    if source is not None and source.facts.tied:
        row.facts = row.facts.model_copy(update={"tied": source.facts.tied})


def refuse(session: Session, job: InspectCheckpoint | InspectProbe | AddBuiltin | Derive, sentence: str) -> None:
    """Give up on an upload that could not be inspected."""
    row: CheckpointRow | ProbeRow | None
    if isinstance(job, InspectCheckpoint | Derive):
        row = checkpoints.find(session, job.checkpoint)
    else:
        row = probes.find(session, job.probe)
    if row is not None:
        row.state, row.reason = State.REFUSED, sentence


def _builtin(files: Files, role: str) -> OpenedFile:
    """Digits, through the same sandbox as everything else."""
    x, y = digits(role)
    folder = Path(tempfile.mkdtemp(prefix="builtin-", dir=files.quarantine))
    try:
        np.savez(folder / "digits.npz", x=x, y=y)
        digest = files.publish(folder / "digits.npz")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _open(files, digest, kind=UploadKind.PROBE)


def _open(files: Files, digest: str, *, kind: UploadKind, wanted: str = "") -> OpenedFile:
    folder = Path(tempfile.mkdtemp(prefix="open-", dir=files.quarantine))
    try:
        opened = sandbox.open_file(files.path(digest), folder, kind=kind, wanted=wanted)
        looked = look(opened.tensors) if kind is UploadKind.CHECKPOINT else None
        graph = "" if opened.graph is None else files.publish(opened.graph)
        return OpenedFile(opened.manifest, files.publish(opened.tensors), looked, graph)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fingerprint(database: Database, files: Files, job: Fingerprint) -> None:
    """Hash the tensors of a checkpoint that was inspected before tensors were hashed."""
    with database.transaction() as session:
        row = checkpoints.find(session, job.checkpoint)
        digest = None if row is None or row.level is Level.RECORDED else row.file_hash
    if digest is None or not files.has(digest):
        return
    looked = look(files.path(digest))
    with database.transaction() as session:
        if checkpoints.find(session, job.checkpoint) is not None:
            fingerprints.put(session, job.checkpoint, looked.fingerprint)


def _settle_probe(row: ProbeRow, opened: OpenedFile) -> None:
    """A probe set that is ready.

    Raises:
        Refusal: it cannot be used.
    """
    facts = opened.manifest.facts or ProbeFacts()
    if row.normalisation is not None:
        check_normalisation(row.normalisation, facts.shape)
    named = json.dumps([opened.manifest.hash, row.normalisation], sort_keys=True)
    row.content_hash = hashlib.sha256(named.encode()).hexdigest()
    row.file_hash = opened.file_hash
    row.facts = facts
    row.state, row.reason = State.READY, " ".join(facts.told)


def check_normalisation(rule: dict[str, Any], shape: list[int]) -> None:
    """Raise unless a normalisation has one mean and one positive spread per channel."""
    mean, std = rule.get("mean"), rule.get("std")
    if set(rule) != {"mean", "std"} or mean is None or std is None or len(mean) != len(std):
        raise Refusal('The normalisation needs "mean" and "std", one number per channel each.')
    if any(not s > 0 for s in std):
        raise Refusal("Every std of the normalisation must be greater than 0.")
    if len(mean) not in (1, shape[0]):
        raise Refusal(f"The normalisation has {len(mean)} channels, the samples have {shape[0]}.")


def _settle_checkpoint(
    session: Session, files: Files, row: CheckpointRow, opened: OpenedFile | None, *, probe: str
) -> None:
    """A checkpoint that is ready at its level, or that waits for its architecture to be confirmed.

    Args:
        opened: what its file held; None where that is known from an earlier inspection.
        probe: name of the probe set of a recording.

    Raises:
        Refusal: it cannot be used.
    """
    if opened is not None:
        row.content_hash, row.file_hash = opened.manifest.hash, opened.file_hash
        row.facts = CheckpointFacts(
            tensors=opened.manifest.tensors,
            non_finite=opened.non_finite,
            tied=opened.manifest.tied,
            graph=opened.graph,
            told=opened.manifest.told,
        )
        _architecture_from_metadata(row, opened.manifest.metadata)
    notes: list[str] = []
    if opened is not None and is_recording(opened.manifest.metadata):
        notes = describe_recording(session, row, files, opened.manifest.metadata, probe=probe)
    elif row.facts.graph:
        notes = describe_program(row, files)
    elif row.architecture is not None:
        _check_types(row)
        _describe_network(row)
    else:
        _check_types(row)
        fitting = registry.proposals(row.facts.shapes)
        row.facts = row.facts.model_copy(update={"proposals": fitting})
        notes = describe_weights(row, [described(p.architecture, p.arguments) for p in fitting])
    _check_description(row)
    row.state = State.READY
    notes = [*row.facts.told, *notes]
    if opened is not None and opened.looked is not None and row.level is not Level.RECORDED:
        fingerprints.put(session, row.id, opened.looked.fingerprint)
    twin = checkpoints.with_content(session, row)
    if twin is not None:
        notes.append(f"Its weights are those of {quoted(twin.name)}, so both count as one independent model.")
        if row.parent_id is None and row.root_id is None:
            row.root_id = twin.root_id or twin.id
    if row.facts.non_finite:
        notes.append(f"{row.facts.non_finite} weights are NaN or infinite; measures will say so.")
    row.reason = " ".join(notes)


def _describe_network(row: CheckpointRow) -> None:
    """A checkpoint of an architecture of the registry."""
    try:
        module = registry.on_meta(row.architecture or "", row.arguments)
    except Unprocessable as problem:
        raise Refusal(problem.detail) from problem
    _check_tensors(row, module)
    _describe_architecture(row, module)


def _check_types(row: CheckpointRow) -> None:
    """Refuse weights that are stored as whole numbers: what they are multiplied by is not told."""
    for name, (kind, shape) in row.facts.tensors.items():
        if kind in WHOLE and len(shape) > 1 and name.rsplit(".", 1)[-1].endswith("weight"):
            raise Refusal(
                f"{quoted(name)} holds whole numbers ({WHOLE[kind]}) without their scale, so they are not the weights: "
                "save the dequantised ones, or upload the model as a program (torch.export)."
            )


def _check_tensors(row: CheckpointRow, module: nn.Module) -> None:
    """Refuse tensors that are not those of the named architecture; the differences are kept."""
    wrong = registry.mismatches(registry.shapes_of(module), row.facts.shapes)
    row.facts = row.facts.model_copy(update={"mismatches": wrong[:MOST_LISTED], "proposals": []})
    if wrong:
        raise Refusal(_mismatch_sentence(row, wrong))


def _describe_architecture(row: CheckpointRow, module: nn.Module) -> None:
    """What follows from the architecture: layers, sizes, what samples it takes."""
    known = registry.architectures()[row.architecture or ""]
    arguments = known.settings(row.arguments)
    row.arguments = arguments
    row.layers = registry.layers_of(module)
    row.facts = row.facts.model_copy(
        update={
            "parameters": sum(p.numel() for p in module.parameters()),
            "penultimate": known.penultimate(arguments),
            "accepts": known.accepts(arguments),
            "classes": arguments.get("classes") or classes_of(module),
            "level": Level.NETWORK,
        }
    )
    named = json.dumps([row.architecture, arguments, row.normalisation, row.class_order], sort_keys=True)
    row.architecture_hash = hashlib.sha256(named.encode()).hexdigest()


def _check_description(row: CheckpointRow) -> None:
    """Refuse what the user said where it does not fit the architecture."""
    if row.normalisation is not None and row.facts.level in (Level.NETWORK, Level.PROGRAM):
        check_normalisation(row.normalisation, [row.facts.accepts.channels or 1])
    classes = row.facts.classes or 0
    if row.class_order is not None and row.facts.classes and sorted(row.class_order) != list(range(classes)):
        raise Refusal(f"class_order must list each of the {classes} classes once.")


def _architecture_from_metadata(row: CheckpointRow, metadata: dict[str, str]) -> None:
    if row.architecture is None and metadata.get("architecture") in registry.architectures():
        row.architecture = metadata["architecture"]
        takes = registry.architectures()[row.architecture].arguments
        told = {a.name: a.read(metadata[a.name]) for a in takes if a.name in metadata}
        row.arguments = {name: value for name, value in told.items() if value is not None}


def described(architecture: str, arguments: dict[str, Any]) -> str:
    """An architecture with its arguments, as one would type it."""
    return f"{architecture}({', '.join(f'{k}={v}' for k, v in arguments.items())})"


def _mismatch_sentence(row: CheckpointRow, wrong: list[Mismatch]) -> str:
    first = wrong[0]
    if first.found is None:
        what = f"{first.tensor} is missing"
    elif first.expected is None:
        what = f"{first.tensor} is not part of it"
    else:
        what = f"{first.tensor} has shape {first.found}, expected {first.expected}"
    name = described(row.architecture or "", row.arguments)
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    fitting = registry.proposals(row.facts.shapes)
    hint = f" They would fit {described(fitting[0].architecture, fitting[0].arguments)}." if fitting else ""
    return f"The tensors do not fit {name}: {what}{more}.{hint}"
