"""Lists in parts, newest first."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

Row = TypeVar("Row")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Window:
    """Which part of a list is asked for.

    Attributes:
        limit: most entries; all where left out.
        before: only entries with a smaller number; from the newest on where left out.
    """

    limit: int | None = None
    before: int | None = None


EVERYTHING = Window()


@dataclass(frozen=True)
class Listed(Generic[Row]):
    """Entries of a list.

    Attributes:
        total: how many the whole list has.
        has_more: whether older ones follow.
    """

    rows: list[Row]
    total: int
    has_more: bool = False

    def made(self, make: Callable[[list[Row]], list[Made]]) -> "Listed[Made]":
        """The same part with something made of its entries."""
        return replace(self, rows=make(self.rows))  # type: ignore[arg-type,return-value]


def listed(session: Session, query: Select[Any], number: InstrumentedAttribute[int], window: Window) -> Listed[Any]:
    """The rows of a query in a window, newest first.

    Args:
        query: of one entity, or of several columns, which then come as tuples.
        number: the column of the numbers by which they are ordered.
    """
    total = int(session.scalar(select(func.count()).select_from(query.subquery())) or 0)
    part = query.order_by(number.desc())
    if window.before is not None:
        part = part.where(number < window.before)
    if window.limit is not None:
        part = part.limit(window.limit + 1)
    found = session.execute(part).all()
    rows = [row[0] if len(row) == 1 else tuple(row) for row in found]
    shown = rows if window.limit is None else rows[: window.limit]
    return Listed(shown, total, len(rows) > len(shown))
