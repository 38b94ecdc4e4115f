"""Cards of measures and architectures, and the workers that published them."""

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import Text, cast, delete, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import Session

from kinscape.backend.contracts.cards import ArchitectureCard, Card
from kinscape.backend.store.tables import ArchitectureRow, CardRow, WorkerRow

# Three reports of a worker may be lost before it counts as gone.
AWAY = dt.timedelta(seconds=45)


def publish(session: Session, measures: Sequence[Card], architectures: Sequence[ArchitectureCard]) -> None:
    """Replace all cards by these; several workers may do so at once."""
    cards = insert(CardRow).values([{"slug": c.slug, "card": c} for c in sorted(measures, key=lambda c: c.slug)])
    session.execute(cards.on_conflict_do_update(index_elements=["slug"], set_={"card": cards.excluded.card}))
    session.execute(delete(CardRow).where(CardRow.slug.not_in([c.slug for c in measures])))
    known = insert(ArchitectureRow).values(
        [{"name": a.name, "card": a} for a in sorted(architectures, key=lambda a: a.name)]
    )
    session.execute(known.on_conflict_do_update(index_elements=["name"], set_={"card": known.excluded.card}))
    session.execute(delete(ArchitectureRow).where(ArchitectureRow.name.not_in([a.name for a in architectures])))


def measures(session: Session) -> dict[str, Card]:
    """Every card by slug, by family and slug."""
    cards = session.scalars(select(CardRow.card))
    return {c.slug: c for c in sorted(cards, key=lambda c: (c.family, c.slug))}


def measure(session: Session, slug: str) -> Card | None:
    """The card of one measure, if a worker offers it."""
    return session.scalar(select(CardRow.card).where(CardRow.slug == slug))


def stamp(session: Session, slugs: Collection[str]) -> str:
    """What changes whenever one of these cards is published anew."""
    text = cast(CardRow.card, Text)
    together = func.string_agg(text, aggregate_order_by(literal(""), CardRow.slug))
    return str(session.scalar(select(func.md5(together)).where(CardRow.slug.in_(slugs))))


def architectures(session: Session) -> dict[str, ArchitectureCard]:
    """Every architecture by name."""
    rows = session.scalars(select(ArchitectureRow).order_by(ArchitectureRow.name))
    return {row.name: row.card for row in rows}


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
