"""The client on behalf of whoever looks at the page."""

from collections import OrderedDict
from threading import Lock
from typing import Any

from dash.backends._fastapi import get_current_request

from backend.contracts.cards import Card
from backend.contracts.comparisons import Matrix
from kinscape.client import Client
from kinscape.client.http import connections

SHARE_COOKIE = "kinscape_share"
MOST_KEPT = 400


class Access:
    """Makes clients that may exactly what the visitor may."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = connections(url)
        self._kept: OrderedDict[tuple[Any, ...], Matrix] = OrderedDict()
        self._cards: dict[str, Card] = {}
        self._lock = Lock()

    def client(self, path: str | None) -> Client:
        """A client with the visitor's own credentials; on a shared page with the link's only."""
        request = get_current_request()
        headers: dict[str, str] = {}
        if (path or "").startswith("/shared/"):
            headers["Kinscape-Share"] = request.cookies.get(SHARE_COOKIE, "-")
        else:
            for name in ("cookie", "authorization"):
                if name in request.headers:
                    headers[name] = request.headers[name]
        return Client(self._url, "", headers=headers, pool=self._pool)

    def close(self) -> None:
        """Close the connections to the API."""
        self._pool.close()

    def cards(self, client: Client) -> dict[str, Card]:
        """Every card by slug; they stay the same while the program runs."""
        if not self._cards:
            self._cards = {c.slug: c for c in client.measures()}
        return self._cards

    def matrix(
        self, client: Client, comparison: int, measure: str, layer: str | None, *, version: int, reading: str = "raw"
    ) -> Matrix:
        """A matrix, kept while its version stays; call only after the comparison itself was read."""
        key = (comparison, measure, layer, version, reading)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = client.comparison_matrix(comparison, measure, layer, reading=reading)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return found
