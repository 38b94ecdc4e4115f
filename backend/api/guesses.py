"""Wrong tokens: written to the log, and answered ever less."""

import logging
import time
from collections import OrderedDict

# A person mistypes; a program guesses.
MOST, WITHIN_S = 300, 60.0
# So many addresses are remembered, the latest.
MOST_CLIENTS = 10_000
log = logging.getLogger("kinscape.guard")


class Guesses:
    """How often each network address showed a token that opens nothing, lately."""

    def __init__(self) -> None:
        self._began: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def note(self, client: str, what: str) -> None:
        """Count a wrong token. The log names the first one, and that there are many, not each."""
        began, count = self._lately(client)
        self._began[client] = (began, count + 1)
        self._began.move_to_end(client)
        if len(self._began) > MOST_CLIENTS:
            self._began.popitem(last=False)
        if count == 0:
            log.warning("guard.wrong_token what=%s client=%s", what, client)
        if count + 1 == MOST:
            log.warning("guard.many_wrong_tokens what=%s client=%s within_s=%d", what, client, WITHIN_S)

    def are_many(self, client: str) -> bool:
        """Whether so many came from an address that it has to wait."""
        return self._lately(client)[1] >= MOST

    def _lately(self, client: str) -> tuple[float, int]:
        now = time.monotonic()
        began, count = self._began.get(client, (now, 0))
        return (now, 0) if now - began > WITHIN_S else (began, count)
