"""How far a long computation is, told to whoever asked."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Listener = Callable[[float], None]
Item = TypeVar("Item")
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def told(listener: Listener | None) -> Iterator[None]:
    """Within this, the listener is told shares of what is done, from 0 to 1."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def steps(items: Sequence[Item], *, sizes: Sequence[float] | None = None) -> Iterator[Item]:
    """The items one by one; the listener hears the share that is done after each, of the outermost loop only.

    Args:
        sizes: how much work each is; equal where left out.
    """
    listener = _listener.get()
    if listener is None:
        yield from items
        return
    whole, done = float(len(items) if sizes is None else sum(sizes)), 0.0
    with told(None):
        for k, item in enumerate(items):
            yield item
            done += 1 if sizes is None else sizes[k]
            listener(min(1.0, done / whole) if whole else 1.0)
