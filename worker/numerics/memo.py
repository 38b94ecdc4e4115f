"""Intermediate results that several measures of the same inputs need."""

from collections.abc import Callable, Hashable
from typing import Any


class Memo:
    """Intermediate results of one set of inputs, made by the first measure that needs them."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of a key, made when it is not there."""
        if key not in self._values:
            self._values[key] = make()
        return self._values[key]

    def get(self, key: Hashable) -> Any:
        """The value of a key, None when it is not there."""
        return self._values.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Another value for a key."""
        self._values[key] = value

    def forget(self, *keys: Hashable) -> None:
        """Free what is held under these keys; everything where none is named."""
        for key in keys or tuple(self._values):
            self._values.pop(key, None)
