"""Projects, checkpoints and probe sets: reading and writing rows."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.contracts.problems import Conflict, NotFound
from backend.store.tables import CheckpointRow, ComparisonRow, ProbeRow, ProjectRow

LIST_LIMIT = 2000


def add_project(session: Session, name: str) -> ProjectRow:
    """A new project; its name must be free."""
    if session.scalar(select(ProjectRow.id).where(ProjectRow.name == name)):
        raise Conflict(f"A project named {name!r} exists already; open it or choose another name.")
    row = ProjectRow(name=name)
    session.add(row)
    session.flush()
    return row


def project(session: Session, id: int) -> ProjectRow:
    """The project of this number."""
    row = session.get(ProjectRow, id)
    if row is None:
        raise NotFound(f"There is no project {id}.")
    return row


def lock_project(session: Session, id: int) -> None:
    """Let nobody else ask in this project until the transaction ends."""
    session.execute(select(ProjectRow.id).where(ProjectRow.id == id).with_for_update())


def comparisons_with(session: Session, checkpoint: CheckpointRow) -> int:
    """How many comparisons hold a checkpoint."""
    query = select(func.count()).where(
        ComparisonRow.project_id == checkpoint.project_id,
        ComparisonRow.specification["checkpoints"].contains([checkpoint.id]),
    )
    return int(session.scalar(query) or 0)


def projects(session: Session) -> list[tuple[ProjectRow, int, int]]:
    """All projects with how many checkpoints and comparisons they hold, newest first."""
    checkpoints = select(func.count()).where(CheckpointRow.project_id == ProjectRow.id).scalar_subquery()
    comparisons = select(func.count()).where(ComparisonRow.project_id == ProjectRow.id).scalar_subquery()
    query = select(ProjectRow, checkpoints, comparisons).order_by(ProjectRow.id.desc()).limit(LIST_LIMIT)
    return [(row, int(n), int(m)) for row, n, m in session.execute(query)]


def checkpoint(session: Session, id: int) -> CheckpointRow:
    """The checkpoint of this number."""
    row = session.get(CheckpointRow, id)
    if row is None:
        raise NotFound(f"There is no checkpoint {id}.")
    return row


def checkpoints(session: Session, project_id: int) -> list[CheckpointRow]:
    """All checkpoints of a project, newest first."""
    query = select(CheckpointRow).where(CheckpointRow.project_id == project_id)
    return list(session.scalars(query.order_by(CheckpointRow.id.desc()).limit(LIST_LIMIT)))


def checkpoints_by_id(session: Session, ids: Sequence[int]) -> list[CheckpointRow]:
    """These checkpoints, in this order; those that do not exist are left out."""
    found = {r.id: r for r in session.scalars(select(CheckpointRow).where(CheckpointRow.id.in_(ids)))}
    return [found[i] for i in ids if i in found]


def checkpoint_named(session: Session, project_id: int, name: str) -> CheckpointRow | None:
    """The checkpoint of this name in a project, if there is one."""
    query = select(CheckpointRow).where(CheckpointRow.project_id == project_id, CheckpointRow.name == name)
    return session.scalar(query)


def checkpoint_with_content(session: Session, row: CheckpointRow) -> CheckpointRow | None:
    """Another ready checkpoint of the project with the same weights and architecture."""
    query = select(CheckpointRow).where(
        CheckpointRow.project_id == row.project_id,
        CheckpointRow.content_hash == row.content_hash,
        CheckpointRow.architecture_hash == row.architecture_hash,
        CheckpointRow.state == "ready",
        CheckpointRow.id != row.id,
    )
    return session.scalar(query.limit(1))


def checkpoint_with_upload(session: Session, project_id: int, upload_hash: str) -> CheckpointRow | None:
    """A checkpoint of the project that was made from the same bytes and not refused."""
    query = select(CheckpointRow).where(
        CheckpointRow.project_id == project_id,
        CheckpointRow.upload_hash == upload_hash,
        CheckpointRow.state != "refused",
    )
    return session.scalar(query.limit(1))


def probe(session: Session, id: int) -> ProbeRow:
    """The probe set of this number."""
    row = session.get(ProbeRow, id)
    if row is None:
        raise NotFound(f"There is no probe set {id}.")
    return row


def probes(session: Session, project_id: int) -> list[ProbeRow]:
    """All probe sets of a project, newest first."""
    query = select(ProbeRow).where(ProbeRow.project_id == project_id)
    return list(session.scalars(query.order_by(ProbeRow.id.desc()).limit(LIST_LIMIT)))


def probe_named(session: Session, project_id: int, name: str) -> ProbeRow | None:
    """The probe set of this name in a project, if there is one."""
    return session.scalar(select(ProbeRow).where(ProbeRow.project_id == project_id, ProbeRow.name == name))


def names_of(session: Session, ids: set[int]) -> dict[int, str]:
    """Names of checkpoints by number."""
    if not ids:
        return {}
    query = select(CheckpointRow.id, CheckpointRow.name).where(CheckpointRow.id.in_(ids))
    return {row.id: row.name for row in session.execute(query)}
