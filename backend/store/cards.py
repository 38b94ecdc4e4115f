"""Cards of measures and architectures, and the workers that published them."""

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.contracts.cards import ArchitectureCard, Card
from backend.store.tables import ArchitectureRow, CardRow, WorkerRow

AWAY = dt.timedelta(seconds=45)


def publish(session: Session, measures: Iterable[Card], architectures: Iterable[ArchitectureCard]) -> None:
    """Replace all cards by these; several workers may do so at once."""
    for table, key, found in (
        (CardRow, "slug", {c.slug: c.model_dump(mode="json") for c in measures}),
        (ArchitectureRow, "name", {a.name: a.model_dump(mode="json") for a in architectures}),
    ):
        column = getattr(table, key)
        statement = insert(table).values([{key: k, "card": c} for k, c in sorted(found.items())])
        session.execute(statement.on_conflict_do_update(index_elements=[key], set_={"card": statement.excluded.card}))
        session.execute(delete(table).where(column.not_in(list(found))))


def measures(session: Session) -> dict[str, Card]:
    """Every card by slug, by family and slug."""
    found = [Card.model_validate(row.card) for row in session.scalars(select(CardRow))]
    return {c.slug: c for c in sorted(found, key=lambda c: (c.family, c.slug))}


def architectures(session: Session) -> dict[str, ArchitectureCard]:
    """Every architecture by name."""
    rows = session.scalars(select(ArchitectureRow).order_by(ArchitectureRow.name))
    return {row.name: ArchitectureCard.model_validate(row.card) for row in rows}


def worker_seen(session: Session, name: str, *, device: str) -> None:
    """Note that a worker is alive."""
    statement = insert(WorkerRow).values(name=name, device=device)
    session.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"device": device, "seen": func.now()})
    )


def worker_gone(session: Session, name: str) -> None:
    """Forget a worker that stopped."""
    session.execute(delete(WorkerRow).where(WorkerRow.name == name))


def workers(session: Session) -> list[WorkerRow]:
    """Workers seen lately, by name."""
    query = select(WorkerRow).where(WorkerRow.seen > func.now() - AWAY).order_by(WorkerRow.name)
    return list(session.scalars(query))
