"""Rows of the store as the values that users see."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from backend.contracts.projects import Checkpoint, Mismatch, Probe, Project, Proposal, State
from backend.store import projects as rows
from backend.store.tables import CheckpointRow, ProbeRow, ProjectRow


def project(row: ProjectRow, checkpoints: int = 0, comparisons: int = 0) -> Project:
    """A project with its counts."""
    return Project(id=row.id, name=row.name, created=row.created, checkpoints=checkpoints, comparisons=comparisons)


def checkpoints(session: Session, found: Sequence[CheckpointRow]) -> list[Checkpoint]:
    """Checkpoints with the names of their relatives."""
    relatives = {i for r in found for i in (r.parent_id, r.init_of_id, r.teacher_id, r.root_id) if i is not None}
    names = rows.names_of(session, relatives)
    return [_checkpoint(r, names) for r in found]


def _checkpoint(row: CheckpointRow, names: dict[int, str]) -> Checkpoint:
    def name(id: int | None) -> str | None:
        return None if id is None else names.get(id)

    return Checkpoint(
        id=row.id, name=row.name, group=row.group_name, tags=row.tags, parent=name(row.parent_id),
        init_of=name(row.init_of_id), teacher=name(row.teacher_id), root=name(row.root_id) or row.name,
        run=row.run, step=row.step, architecture=row.architecture, arguments=row.arguments,
        parameters=row.found.get("parameters"), size_bytes=row.size_bytes, content_hash=row.content_hash,
        layers=row.layers, non_finite=row.found.get("non_finite", 0), metrics=row.metrics,
        state=State(row.state), reason=row.reason, created=row.created,
        mismatches=[Mismatch.model_validate(m) for m in row.found.get("mismatches", [])],
        proposals=[Proposal.model_validate(p) for p in row.found.get("proposals", [])],
    )  # fmt: skip


def probe(row: ProbeRow) -> Probe:
    """A probe set with what was found in it."""
    found = row.found
    return Probe(
        id=row.id, name=row.name, role=row.role, samples=found.get("samples"), shape=found.get("shape", []),
        classes=found.get("classes"), class_counts=found.get("class_counts", []),
        duplicates=found.get("duplicates", 0), constant_features=found.get("constant_features", 0),
        content_hash=row.content_hash, state=State(row.state), reason=row.reason, created=row.created,
    )  # fmt: skip
