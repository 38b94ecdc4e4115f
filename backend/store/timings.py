"""How long measures took here: seconds, and the work that was done in them."""

import json
from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kinscape.backend.contracts.cards import Input
from kinscape.backend.store.tables import CheckpointRow, TimingRow

# What was measured counts less with each that follows: a machine that became slower is learned in some ten jobs.
FADING = 0.8


def key_of(slug: str, parameters: Mapping[str, Any]) -> str:
    """Equal for questions that take as long on equal inputs."""
    return f"{slug} {json.dumps(dict(parameters), sort_keys=True)}"


def work_of(input: Input, *, samples: int, parameters: float) -> float:
    """How much one cell is, in a unit of its kind of input.

    Args:
        samples: of the probe set.
        parameters: of the network, or the mean of two.
    """
    if input is Input.WEIGHTS:
        return max(1.0, parameters)
    if input is Input.NETWORK:
        return max(1.0, samples * parameters)
    return float(max(1, samples))


def parameters_of(row: CheckpointRow) -> float:
    """Trained numbers of a checkpoint; 1 where nothing tells."""
    if row.facts.parameters:
        return float(row.facts.parameters)
    return float(max(1, sum(prod(shape) for shape in row.facts.shapes.values())))


def note(session: Session, key: str, *, seconds: float, work: float) -> None:
    """Learn that so much work took so long."""
    statement = insert(TimingRow).values(key=key, seconds=seconds, work=work)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["key"],
            set_={"seconds": FADING * TimingRow.seconds + seconds, "work": FADING * TimingRow.work + work},
        )
    )


def rates(session: Session, keys: Iterable[str]) -> dict[str, float]:
    """Seconds for each unit of work, by key; nothing of what was never measured."""
    query = select(TimingRow.key, TimingRow.seconds, TimingRow.work).where(TimingRow.key.in_(set(keys)))
    return {row.key: row.seconds / row.work for row in session.execute(query) if row.work > 0}
