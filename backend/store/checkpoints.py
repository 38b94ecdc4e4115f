"""Checkpoints: reading and writing rows."""

from collections.abc import Iterable, Sequence

from sqlalchemy import or_, select, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from kinscape.backend.contracts.uploads import State
from kinscape.backend.store import deletion
from kinscape.backend.store.pages import EVERYTHING, Listed, Window, listed
from kinscape.backend.store.tables import CheckpointRow, ComparisonRow


def get(session: Session, id: int) -> CheckpointRow:
    """The checkpoint of this number."""
    return deletion.there(session.get(CheckpointRow, id), CheckpointRow, id)


def find(session: Session, id: int) -> CheckpointRow | None:
    """The checkpoint of this number, unless it was deleted."""
    row = session.get(CheckpointRow, id)
    return None if row is None or row.deleted is not None else row


def of_project(
    session: Session, project_id: int, window: Window = EVERYTHING, *, are_deleted: bool = False
) -> Listed[CheckpointRow]:
    """Checkpoints of a project, or its deleted ones, newest first."""
    query = select(CheckpointRow).where(
        CheckpointRow.project_id == project_id, deletion.marked(CheckpointRow, are_deleted=are_deleted)
    )
    return listed(session, query, CheckpointRow.id, window)


def by_ids(session: Session, ids: Sequence[int]) -> list[CheckpointRow]:
    """These checkpoints, in this order; those that do not exist are left out."""
    query = select(CheckpointRow).where(CheckpointRow.id.in_(ids), CheckpointRow.deleted.is_(None))
    rows = {r.id: r for r in session.scalars(query)}
    return [rows[i] for i in ids if i in rows]


def move_lineage(session: Session, row: CheckpointRow, *, root: int) -> None:
    """Give a checkpoint, and all that descend from it, another first ancestor."""
    below = [row]
    seen = {row.id}
    while below:
        for one in below:
            one.root_id = root
        children = select(CheckpointRow).where(CheckpointRow.parent_id.in_([b.id for b in below]))
        below = [c for c in session.scalars(children) if c.id not in seen]
        seen.update(c.id for c in below)


def names(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """Names of checkpoints by number."""
    query = select(CheckpointRow.id, CheckpointRow.name).where(CheckpointRow.id.in_(set(ids)))
    return {row.id: row.name for row in session.execute(query)}


def named(session: Session, project_id: int, name: str) -> CheckpointRow | None:
    """The checkpoint of this name in a project, if there is one."""
    query = select(CheckpointRow).where(
        CheckpointRow.project_id == project_id, CheckpointRow.name == name, CheckpointRow.deleted.is_(None)
    )
    return session.scalar(query)


def with_content(session: Session, row: CheckpointRow) -> CheckpointRow | None:
    """The first ready checkpoint of the project with the same weights and architecture, but this one."""
    query = select(CheckpointRow).where(
        CheckpointRow.project_id == row.project_id,
        CheckpointRow.content_hash == row.content_hash,
        CheckpointRow.architecture_hash == row.architecture_hash,
        CheckpointRow.state == State.READY,
        CheckpointRow.deleted.is_(None),
        CheckpointRow.id != row.id,
    )
    return session.scalar(query.order_by(CheckpointRow.id).limit(1))


def with_upload(session: Session, project_id: int, upload_hash: str) -> CheckpointRow | None:
    """A checkpoint of the project that was made from the same bytes and not refused."""
    query = select(CheckpointRow).where(
        CheckpointRow.project_id == project_id,
        CheckpointRow.upload_hash == upload_hash,
        CheckpointRow.state != State.REFUSED,
        CheckpointRow.deleted.is_(None),
    )
    return session.scalar(query.limit(1))


def comparisons_of(session: Session, row: CheckpointRow) -> list[ComparisonRow]:
    """The comparisons that hold a checkpoint, as one of theirs or as a reference of a measure, newest first."""
    specification = type_coerce(ComparisonRow.specification, JSONB)
    is_reference = specification.contains({"measures": [{"references": [row.id]}]})
    query = select(ComparisonRow).where(
        ComparisonRow.project_id == row.project_id,
        ComparisonRow.deleted.is_(None),
        or_(specification["checkpoints"].contains([row.id]), is_reference),
    )
    return list(session.scalars(query.order_by(ComparisonRow.id.desc())))


def dependants(session: Session, row: CheckpointRow) -> list[str]:
    """Names of the checkpoints that have this one as parent, initial weights or teacher."""
    related = (CheckpointRow.parent_id, CheckpointRow.init_of_id, CheckpointRow.teacher_id)
    query = select(CheckpointRow.name).where(
        or_(*(column == row.id for column in related)), CheckpointRow.id != row.id, CheckpointRow.deleted.is_(None)
    )
    return list(session.scalars(query.order_by(CheckpointRow.id)))


RELATIVES = (CheckpointRow.parent_id, CheckpointRow.init_of_id, CheckpointRow.teacher_id, CheckpointRow.root_id)


def comes_from(session: Session, row: CheckpointRow, other: CheckpointRow) -> bool:
    """Whether a checkpoint descends from another one, by parents, initial weights or teachers, however far."""
    above = select(CheckpointRow.id, CheckpointRow.parent_id, CheckpointRow.init_of_id, CheckpointRow.teacher_id).where(
        CheckpointRow.project_id == row.project_id
    )
    relatives = {found[0]: [i for i in found[1:] if i is not None] for found in session.execute(above)}
    seen, waiting = {row.id}, [row.id]
    while waiting:
        for relative in relatives.get(waiting.pop(), ()):
            if relative == other.id:
                return True
            if relative not in seen:
                seen.add(relative)
                waiting.append(relative)
    return False


def hand_over_relatives(session: Session, old: CheckpointRow, new: CheckpointRow) -> None:
    """Let what was related to a checkpoint be related to another one."""
    for column in RELATIVES:
        session.execute(
            update(CheckpointRow).where(column == old.id, CheckpointRow.id != new.id).values({column: new.id})
        )


def replace_refused(session: Session, old: CheckpointRow, new: CheckpointRow) -> None:
    """Put a new checkpoint in the place of a refused one of the same name; its relatives stay related."""
    name = new.name
    # Only one of a project may have a name.
    new.name = f"{name} {old.id}"
    session.add(new)
    session.flush()
    hand_over_relatives(session, old, new)
    session.delete(old)
    session.flush()
    new.name = name
    session.flush()
