"""What was worked out from a whole comparison."""

from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.store.tables import SummaryRow


def write(session: Session, comparison: int, kind: str, data: dict[str, Any]) -> None:
    """Store one summary of a comparison, replacing what was there."""
    statement = insert(SummaryRow).values(comparison_id=comparison, kind=kind, data=data)
    session.execute(statement.on_conflict_do_update(index_elements=["comparison_id", "kind"], set_={"data": data}))


def read(session: Session, comparison: int, kind: str) -> dict[str, Any] | None:
    """One summary of a comparison, if it was worked out."""
    row = session.get(SummaryRow, (comparison, kind))
    return None if row is None else row.data
