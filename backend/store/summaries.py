"""What was worked out from a whole comparison."""

from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kinscape.backend.store.tables import SummaryRow

Summary = TypeVar("Summary", bound=BaseModel)


def _kind(of: type[BaseModel]) -> str:
    return of.__name__.lower()


def write(session: Session, comparison: int, summary: BaseModel) -> None:
    """Store one summary of a comparison, replacing what was there."""
    data: dict[str, Any] = summary.model_dump(mode="json")
    statement = insert(SummaryRow).values(comparison_id=comparison, kind=_kind(type(summary)), data=data)
    session.execute(statement.on_conflict_do_update(index_elements=["comparison_id", "kind"], set_={"data": data}))


def read(session: Session, comparison: int, kind: type[Summary]) -> Summary | None:
    """One summary of a comparison, if it was worked out."""
    row = session.get(SummaryRow, (comparison, _kind(kind)))
    return None if row is None else kind.model_validate(row.data)
