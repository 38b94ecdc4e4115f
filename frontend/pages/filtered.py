"""Filters of tables: rows that do not fit are hidden, not taken away, so that chosen ones stay chosen."""

from typing import Any

from kinscape.backend.contracts.filtering import matches


def passing(rows: list[dict[str, Any]], text: str | None) -> dict[str, Any]:
    """Options of a table that shows the rows that fit a filter; ``assets/grid.js`` has the function."""
    fitting = ",".join(str(row["id"]) for row in rows if matches(row, text or ""))
    return {
        "isExternalFilterPresent": {"function": "true" if text else "false"},
        "doesExternalFilterPass": {"function": f"isAmong(params.data.id, '{fitting}')"},
    }


def count(rows: list[dict[str, Any]], text: str | None) -> int:
    """How many rows fit a filter."""
    return sum(matches(row, text or "") for row in rows)
