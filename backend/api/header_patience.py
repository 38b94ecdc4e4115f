"""How long the head of a request may take to come."""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from kinscape.backend.api.body_limit import SILENCE_S

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's reader of requests, which ends a connection whose next head is begun and never finished.

    uvicorn itself ends those that are silent between two requests; one that sends a byte now and then, or nothing at
    all after it was opened, it would keep for ever.
    """

    head_s = SILENCE_S
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection was opened: its first head has to come."""
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        """Bytes came: the end of a head, or of nothing yet."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._end()
        elif self._patience is None:
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._patience = self.loop.call_later(self.head_s, self._give_up)

    def _end(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        # Whose body was still coming was answered before its end: nothing more is said to that.
        if self.cycle is None or not self.cycle.more_body:
            self.transport.write(TOO_SLOW)
        self.transport.close()
