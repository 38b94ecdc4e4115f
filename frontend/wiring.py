"""Callbacks run in threads of their own: a plain one would stop the whole server while it waits."""

import asyncio
import contextvars
import functools
import hashlib
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from dash import Dash, no_update
from dash.exceptions import PreventUpdate
from plotly.io.json import to_json_plotly

# A callback waits for requests to the API of this same process, so no request may ever need one of these threads
# (docs/decisions/0013). More of them would draw no sooner: they share one interpreter, and each that draws makes
# the event loop wait another 5 ms for its turn.
CALLBACK_THREADS = 8

log = logging.getLogger("kinscape.frontend")
Body = Callable[..., Any]
T = TypeVar("T")
_threads = ThreadPoolExecutor(CALLBACK_THREADS, thread_name_prefix="callback")


def on(app: Dash, *wires: Any, **options: Any) -> Callable[[Body], Body]:
    """Register a callback whose body runs in a thread. The only way callbacks are made."""

    def decorate(body: Body) -> Body:
        @functools.wraps(body)
        async def run(*arguments: Any, **named: Any) -> Any:
            # Dash tells a callback what triggered it by context variables.
            call = functools.partial(contextvars.copy_context().run, body, *arguments, **named)
            return await in_a_thread(call)

        app.callback(*wires, **options)(run)
        return body

    return decorate


async def in_a_thread(call: Callable[[], T]) -> T:
    """What a call gives that waits for the API, run where waiting stops nobody."""
    return await asyncio.get_running_loop().run_in_executor(_threads, call)


def digest(drawn: Any) -> str:
    """A short text for what was drawn: equal where drawing it anew would change nothing."""
    return hashlib.sha256(to_json_plotly(drawn).encode()).hexdigest()


def on_error(error: Exception) -> Any:
    """A bug in a callback: logged with a reference; the page stays as it was."""
    if not isinstance(error, PreventUpdate):
        log.error("callback.failed reference=%s", secrets.token_hex(4), exc_info=error)
    return no_update
