"""Deleting projects, checkpoints and probe sets, bringing them back, and putting one checkpoint in another's place."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy.orm import Session

from kinscape.backend.actions import checkpoints as seen
from kinscape.backend.actions import comparisons as asking
from kinscape.backend.actions import projects as rooms
from kinscape.backend.actions.probes import described as described_probe
from kinscape.backend.actions.uploads import short
from kinscape.backend.contracts.checkpoints import Checkpoint
from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.jobs import AddBuiltin, InspectCheckpoint, InspectProbe
from kinscape.backend.contracts.probes import Probe, ProbeChange
from kinscape.backend.contracts.problems import Conflict, Unprocessable
from kinscape.backend.contracts.projects import Project
from kinscape.backend.contracts.uploads import State
from kinscape.backend.contracts.words import counted, listed
from kinscape.backend.store import checkpoints, comparisons, deletion, jobs, probes, projects, studies
from kinscape.backend.store.tables import CheckpointRow, ProbeRow, ProjectRow

# A sentence names no more of them.
MOST_NAMES = 4
LONGEST_NAME = 200


def _some(names: Sequence[str]) -> str:
    return listed([short(name) for name in names], most=MOST_NAMES)


def delete_checkpoint(session: Session, id: int) -> None:
    """Put a checkpoint away on which nothing depends.

    Raises:
        Conflict: a comparison shows it or refers to it, or another checkpoint descends from it.
    """
    row = _held(session, id)
    used = [c.name or f"comparison {c.id}" for c in checkpoints.comparisons_of(session, row)]
    if used:
        what = counted(len(used), "comparisons")
        raise Conflict(
            f"{what} {'shows' if len(used) == 1 else 'show'} this checkpoint ({_some(used)}); it stays as long as "
            f"{'it does' if len(used) == 1 else 'they do'}."
        )
    others = checkpoints.dependants(session, row)
    if others:
        verb, them = ("names", "it") if len(others) == 1 else ("name", "them")
        what = f"{verb} this checkpoint as parent, initial weights or teacher"
        raise Conflict(f"{_some(others)} {what}; delete {them} first.")
    jobs.cancel_inspections(session, id)
    deletion.put_away(session, row)


def _held(session: Session, id: int) -> CheckpointRow:
    """A checkpoint, while nobody else asks or deletes in its project."""
    # Whoever asks for a comparison holds the project as well: it sees the checkpoint, or that it is gone.
    projects.lock(session, checkpoints.get(session, id).project_id)
    session.expire_all()
    return checkpoints.get(session, id)


def restore_checkpoint(session: Session, id: int) -> Checkpoint:
    """Bring a deleted checkpoint back.

    Raises:
        Conflict: another one has its name now, or a relative that it names is deleted.
    """
    row = deletion.deleted(session, CheckpointRow, id)
    projects.get(session, row.project_id)
    gone = [
        other.name
        for i in (row.parent_id, row.init_of_id, row.teacher_id)
        if i is not None and (other := session.get(CheckpointRow, i)) is not None and other.deleted is not None
    ]
    if gone:
        raise Conflict(f"{short(row.name)} comes from {_some(gone)}, deleted as well: restore that first.")
    deletion.bring_back(session, CheckpointRow, id)
    _look_again(session, row)
    return seen.get(session, id)


def _look_again(session: Session, row: CheckpointRow | ProbeRow) -> None:
    """Inspect what was deleted before it had been inspected."""
    if row.state is not State.INSPECTING:
        return
    if row.upload_hash is None and isinstance(row, ProbeRow):
        jobs.add(session, AddBuiltin(probe=row.id))
    elif row.upload_hash is None:
        row.state, row.reason = State.REFUSED, "It was deleted before it was made: delete it, and make it again."
    elif isinstance(row, CheckpointRow):
        jobs.add(session, InspectCheckpoint(checkpoint=row.id))
    else:
        jobs.add(session, InspectProbe(probe=row.id))
    session.flush()


def replace(session: Session, id: int, *, by: int) -> Checkpoint:
    """Let a ready checkpoint take name, description and relatives of another one of the project.

    The other one is deleted; where comparisons show it, it stays under another name, and so do their numbers.
    """
    row = _held(session, id)
    new = checkpoints.get(session, by)
    if new.project_id != row.project_id or new.id == row.id:
        raise Unprocessable("A checkpoint is replaced by another one of the same project.")
    if new.state is not State.READY:
        raise Conflict(f"{short(new.name)} is {new.state}, not ready.")
    for one, other in ((new, row), (row, new)):
        if checkpoints.comes_from(session, one, other):
            raise Unprocessable(f"{short(one.name)} comes from {short(other.name)}, so one cannot stand for the other.")
    name = row.name
    if checkpoints.comparisons_of(session, row):
        row.name = _free_name(session, row, name)
        session.flush()
    else:
        jobs.cancel_inspections(session, id)
        deletion.put_away(session, row)
    checkpoints.hand_over_relatives(session, row, new)
    for field in ("group_name", "tags", "parent_id", "init_of_id", "teacher_id", "run", "step"):
        setattr(new, field, getattr(row, field))
    # What descends from it belongs to the lineage that it has now.
    checkpoints.move_lineage(session, new, root=row.root_id or new.id)
    new.root_id = row.root_id
    new.name = name
    session.flush()
    return seen.get(session, new.id)


def _free_name(session: Session, row: CheckpointRow, name: str) -> str:
    """A name that says until when it was another one's, and that nobody has."""
    until = f" (until {dt.datetime.now(dt.UTC):%Y-%m-%d})"
    k = 1
    while True:
        end = until if k == 1 else f"{until} {k}"
        found = f"{name[: LONGEST_NAME - len(end)]}{end}"
        if checkpoints.named(session, row.project_id, found) is None:
            return found
        k += 1


def change_probe(session: Session, id: int, wanted: ProbeChange) -> Probe:
    """Rename a probe set, write notes, or give it another role while nothing asks about it."""
    row = probes.get(session, id)
    if wanted.notes is not None:
        row.notes = wanted.notes
    if wanted.name is not None and wanted.name != row.name:
        if probes.named(session, row.project_id, wanted.name):
            raise Conflict(f"A probe set named {short(wanted.name)} exists already; choose another name.")
        row.name = wanted.name
    if wanted.role is not None and wanted.role is not row.role:
        used = deletion.users_of_probe(session, row)
        if used:
            raise Conflict(f"{_some(used)} asked about these samples as {row.role}; the role stays as long as they do.")
        row.role = wanted.role
    session.flush()
    return described_probe(row)


def delete_probe(session: Session, id: int) -> None:
    """Put a probe set away about which nothing asks.

    Raises:
        Conflict: a comparison or a study asks about it.
    """
    projects.lock(session, probes.get(session, id).project_id)
    session.expire_all()
    row = probes.get(session, id)
    used = deletion.users_of_probe(session, row)
    if used:
        raise Conflict(f"{_some(used)} asked about this probe set; it stays as long as they do.")
    deletion.put_away(session, row)


def restore_probe(session: Session, id: int) -> Probe:
    """Bring a deleted probe set back.

    Raises:
        Conflict: another one has its name now.
    """
    row = deletion.deleted(session, ProbeRow, id)
    projects.get(session, row.project_id)
    deletion.bring_back(session, ProbeRow, id)
    _look_again(session, row)
    return described_probe(probes.get(session, id))


def delete_project(session: Session, id: int) -> None:
    """Put a project away with all that is in it: links close, what is being computed is cancelled.

    Raises:
        Conflict: it holds a preregistered study, which stays whatever it found.
    """
    projects.lock(session, projects.get(session, id).id)
    resting = [study.name for study in studies.of_project(session, id).rows if study.registration is not None]
    if resting:
        raise Conflict(
            f"The project holds {_some(resting)}, preregistered, and stays with what was preregistered in it."
        )
    for row in comparisons.of_project(session, id).rows:
        if row.state is ComparisonState.RUNNING:
            asking.cancel(session, row.id)
    deletion.put_away_all_of(session, projects.get(session, id))


def restore_project(session: Session, id: int) -> Project:
    """Bring a deleted project back, with all that went with it.

    Raises:
        Conflict: another one has its name now.
    """
    row = deletion.deleted(session, ProjectRow, id)
    if projects.named(session, row.name) is not None:
        raise Conflict(f"A project named {short(row.name)} exists now: rename that one first.")
    deletion.bring_back_all_of(session, row)
    session.expire_all()
    for checkpoint in checkpoints.of_project(session, id).rows:
        _look_again(session, checkpoint)
    for probe in probes.of_project(session, id).rows:
        _look_again(session, probe)
    return rooms.get(session, id)
