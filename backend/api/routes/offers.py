"""What this server offers, and whether it is well."""

from fastapi import APIRouter

from kinscape.backend.actions import offers
from kinscape.backend.api.parts import Opened, Transaction
from kinscape.backend.contracts.cards import ArchitectureCard, Card

router = APIRouter(tags=["library"])


@router.get("/health")
def health(session: Transaction, parts: Opened) -> dict[str, bool | int]:
    """Whether every part answers, and which workers were seen."""
    reachable, room = parts.queue.is_reachable(), parts.files.has_room_for_work()
    return offers.health(session, broker=reachable, room=room, moves=not parts.stalls.queues)


@router.get("/measures")
def measures(session: Transaction) -> list[Card]:
    """The cards of all measures, by family."""
    return offers.measures(session)


@router.get("/architectures")
def architectures(session: Transaction) -> list[ArchitectureCard]:
    """Architectures that can be built by name, with arguments and tensor names."""
    return offers.architectures(session)
