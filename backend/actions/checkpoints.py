"""Checkpoints: seen, changed, verified."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from kinscape.backend.actions.fit import check_fit
from kinscape.backend.actions.uploads import check_architecture, short
from kinscape.backend.contracts.cards import Setting
from kinscape.backend.contracts.checkpoints import (
    Checkpoint,
    CheckpointChange,
    Level,
    Tagging,
    Verdict,
    Verification,
    VerificationRequest,
)
from kinscape.backend.contracts.jobs import InspectCheckpoint, Verify
from kinscape.backend.contracts.problems import Conflict, NotFound, Unprocessable
from kinscape.backend.contracts.uploads import State
from kinscape.backend.store import checkpoints, comparisons, jobs, probes, projects
from kinscape.backend.store.pages import EVERYTHING, Listed, Window
from kinscape.backend.store.tables import CheckpointRow, ProbeRow

# As many as a description of an upload may have.
MOST_TAGS = 50


def of_project(
    session: Session, project: int, window: Window = EVERYTHING, *, are_deleted: bool = False
) -> Listed[Checkpoint]:
    """Checkpoints of a project, or its deleted ones, newest first."""
    projects.get(session, project)
    found = checkpoints.of_project(session, project, window, are_deleted=are_deleted)
    return found.made(lambda rows: described(session, rows))


def of_comparison(session: Session, comparison: int) -> list[Checkpoint]:
    """The checkpoints of a comparison in its order."""
    row = comparisons.get(session, comparison)
    return described(session, checkpoints.by_ids(session, row.specification.checkpoints))


def get(session: Session, id: int) -> Checkpoint:
    """One checkpoint."""
    return described(session, [checkpoints.get(session, id)])[0]


def change(session: Session, id: int, wanted: CheckpointChange) -> Checkpoint:
    """Rename, regroup, retag, or name the architecture of a checkpoint that waits for one."""
    row = checkpoints.get(session, id)
    if wanted.name is not None and wanted.name != row.name:
        if checkpoints.named(session, row.project_id, wanted.name):
            raise Conflict(f"A checkpoint named {short(wanted.name)} exists already; choose another name.")
        row.name = wanted.name
    if wanted.group is not None:
        row.group_name = wanted.group
    if wanted.tags is not None:
        row.tags = wanted.tags
    for field in ("notes", "run", "step", "metrics"):
        value = getattr(wanted, field)
        if value is not None:
            setattr(row, field, value)
    _change_relatives(session, row, wanted)
    if wanted.architecture is not None:
        _confirm(session, row, wanted.architecture, wanted.arguments or {})
    elif wanted.arguments is not None:
        raise Unprocessable("Arguments need the architecture that they belong to.")
    session.flush()
    return described(session, [row])[0]


def tag(session: Session, project: int, wanted: Tagging) -> list[Checkpoint]:
    """Give many checkpoints of a project one tag, or take it away.

    Raises:
        NotFound: a number is not one of the project's checkpoints; then none is changed.
    """
    projects.get(session, project)
    rows = checkpoints.by_ids(session, list(wanted.values))
    there = {row.id for row in rows if row.project_id == project}
    for number in wanted.values:
        if number not in there:
            raise NotFound(f"There is no checkpoint {number} in this project.")
    for row in rows:
        rest = {name: value for name, value in row.tags.items() if name != wanted.tag}
        value = wanted.values[row.id]
        row.tags = {**rest, wanted.tag: value} if value else rest
        if len(row.tags) > MOST_TAGS:
            raise Unprocessable(f"{short(row.name)} has {MOST_TAGS} tags already.")
    session.flush()
    return described(session, rows)


def _confirm(session: Session, row: CheckpointRow, architecture: str, arguments: dict[str, Setting]) -> None:
    if row.state is State.READY and row.level is not Level.WEIGHTS:
        raise Conflict("This checkpoint is ready; its architecture can no longer be changed.")
    if row.state is State.INSPECTING:
        raise Conflict("This checkpoint is being inspected; wait until it is ready or refused.")
    check_architecture(session, architecture, arguments)
    row.architecture, row.arguments = architecture, arguments
    row.state, row.reason = State.INSPECTING, ""
    jobs.add(session, InspectCheckpoint(checkpoint=row.id))


def _change_relatives(session: Session, row: CheckpointRow, wanted: CheckpointChange) -> None:
    """Name the parent, the initial weights or the teacher of a checkpoint, or take them away."""
    for role in ("parent", "init_of", "teacher"):
        name = getattr(wanted, role)
        if name is None:
            continue
        if not name:
            setattr(row, f"{role}_id", None)
            if role == "parent":
                checkpoints.move_lineage(session, row, root=row.id)
                row.root_id = None
            continue
        other = checkpoints.named(session, row.project_id, name)
        if other is None:
            raise Unprocessable(f"There is no checkpoint named {short(name)} for {role}; upload it first.")
        if other.id == row.id or (role == "parent" and other.root_id == row.id):
            raise Unprocessable(f"{short(name)} descends from {short(row.name)}, so it cannot be its {role}.")
        setattr(row, f"{role}_id", other.id)
        if role == "parent":
            checkpoints.move_lineage(session, row, root=other.root_id or other.id)


def verify(session: Session, id: int, wanted: VerificationRequest) -> Checkpoint:
    """Ask a worker whether a checkpoint gives these outputs for the first samples of a probe set."""
    row = checkpoints.get(session, id)
    if row.state is not State.READY:
        raise Conflict(f"This checkpoint is {row.state}, not ready.")
    if row.level is Level.WEIGHTS:
        raise Unprocessable("Of this checkpoint the weights alone are known, so there is no output to verify.")
    if len({len(some) for some in wanted.logits}) > 1:
        raise Unprocessable("The rows of logits differ in length.")
    probe = _probe_for(session, row, wanted.probe)
    check_fit(row, probe)
    if len(wanted.logits) > (probe.facts.samples or 0):
        raise Unprocessable(f"There are {len(wanted.logits)} rows of logits; {short(probe.name)} has fewer samples.")
    row.facts = row.facts.model_copy(update={"verification": Verification(verdict=Verdict.CHECKING)})
    jobs.add(session, Verify(checkpoint=row.id, probe=probe.id, logits=wanted.logits))
    session.flush()
    return described(session, [row])[0]


def _probe_for(session: Session, row: CheckpointRow, id: int | None) -> ProbeRow:
    ready = [p for p in probes.of_project(session, row.project_id).rows if p.state is State.READY]
    if id is not None:
        ready = [p for p in ready if p.id == id]
    if len(ready) != 1:
        names = ", ".join(short(p.name) for p in ready[:8]) or "none"
        raise Unprocessable(f"Say for which probe set the outputs are; there are {names}.")
    return ready[0]


def described(session: Session, rows: Sequence[CheckpointRow]) -> list[Checkpoint]:
    """Checkpoints with the names of their relatives."""
    relatives = {i for r in rows for i in (r.parent_id, r.init_of_id, r.teacher_id, r.root_id) if i is not None}
    names = checkpoints.names(session, relatives)
    return [_described(r, names) for r in rows]


def _described(row: CheckpointRow, names: dict[int, str]) -> Checkpoint:
    def name(id: int | None) -> str | None:
        return None if id is None else names.get(id)

    return Checkpoint(
        id=row.id,
        project=row.project_id,
        name=row.name,
        group=row.group_name,
        tags=row.tags,
        notes=row.notes,
        parent=name(row.parent_id),
        init_of=name(row.init_of_id),
        teacher=name(row.teacher_id),
        root=name(row.root_id) or row.name,
        run=row.run,
        step=row.step,
        level=row.level,
        architecture=row.architecture,
        arguments=row.arguments,
        parameters=row.facts.parameters,
        size_bytes=row.size_bytes,
        content_hash=row.content_hash,
        layers=row.layers,
        non_finite=row.facts.non_finite,
        metrics=row.metrics,
        state=row.state,
        reason=row.reason,
        created=row.created,
        mismatches=row.facts.mismatches,
        proposals=row.facts.proposals,
        verification=row.facts.verification,
    )
