"""What this server offers: measures, architectures, and whether every part answers."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from kinscape.backend.contracts.cards import ArchitectureCard, Card
from kinscape.backend.store import cards


def measures(session: Session) -> list[Card]:
    """The cards of all measures, by family."""
    return list(cards.measures(session).values())


def architectures(session: Session) -> list[ArchitectureCard]:
    """Architectures that can be built by name, with arguments and tensor names."""
    return list(cards.architectures(session).values())


def health(session: Session, *, broker: bool, room: bool, moves: bool) -> dict[str, bool | int]:
    """Whether every part answers, and how many workers were seen.

    Args:
        broker: whether the queue answers.
        room: whether the disk has room for work.
        moves: whether work that waits is taken.
    """
    session.execute(text("select 1"))
    workers, known = len(cards.workers(session)), len(cards.measures(session))
    return {
        "ready": bool(workers and known and broker and moves),
        "broker": broker,
        "room": room,
        "moves": moves,
        "workers": workers,
        "measures": known,
    }
