"""Columns that hold records and enums instead of bare JSON and strings."""

import enum
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Dialect, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

Member = TypeVar("Member", bound=enum.StrEnum)


class Record(TypeDecorator[Any]):
    """A pydantic record, or a list of them, as JSONB. Records are frozen: assign a new one to change a row."""

    impl = JSONB
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        self._adapter = TypeAdapter(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """A record as JSON."""
        return None if value is None else self._adapter.dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """JSON as a record."""
        return None if value is None else self._adapter.validate_python(value)


class EnumText(TypeDecorator[Member], Generic[Member]):
    """A member of an enum as the text of its value."""

    impl = String
    cache_ok = True

    def __init__(self, kind: type[Member]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Member | None, dialect: Dialect) -> str | None:
        """A member as text; text that is no value is a fault of ours."""
        return None if value is None else str(self.kind(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> Member | None:
        """Text as a member."""
        return None if value is None else self.kind(value)
