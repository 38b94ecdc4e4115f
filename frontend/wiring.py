"""Callbacks run in threads: a plain one would stop the whole server while it waits."""

import asyncio
import functools
import logging
import secrets
from collections.abc import Callable
from typing import Any

from dash import Dash, no_update
from dash.exceptions import PreventUpdate

log = logging.getLogger("kinscape.frontend")
Body = Callable[..., Any]


def on(app: Dash, *wires: Any, **options: Any) -> Callable[[Body], Body]:
    """Register a callback whose body runs in a thread. The only way callbacks are made."""

    def decorate(body: Body) -> Body:
        @functools.wraps(body)
        async def run(*arguments: Any, **named: Any) -> Any:
            return await asyncio.to_thread(body, *arguments, **named)

        app.callback(*wires, **options)(run)
        return body

    return decorate


def on_error(error: Exception) -> Any:
    """A bug in a callback: logged with a reference; the page stays as it was."""
    if not isinstance(error, PreventUpdate):
        log.error("callback.failed reference=%s", secrets.token_hex(4), exc_info=error)
    return no_update
