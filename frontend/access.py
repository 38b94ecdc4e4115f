"""The client on behalf of whoever looks at the page."""

import contextlib
from collections.abc import Hashable
from threading import Lock

from cachetools import LRUCache
from dash.backends._fastapi import get_current_request
from starlette.requests import Request

from kinscape.backend.contracts.cards import Card
from kinscape.client import Client, Comparison, PackedMatrix
from kinscape.client.http import connections

# Followed by the number of the link; without it in browsers that opened one before links had cookies of their own.
SHARE_COOKIE = "kinscape_share"
# Forty matrices of 500 checkpoints.
CACHE_BYTES = 256 << 20


class Access:
    """Makes clients that may exactly what the visitor may."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = connections(url)
        self._matrices: LRUCache[Hashable, PackedMatrix] = LRUCache(CACHE_BYTES, getsizeof=_size)
        self._cards: dict[str, Card] = {}
        self._lock = Lock()

    def client(self, path: str | None) -> Client:
        """A client with the visitor's own credentials; on a shared page with the link's only."""
        return self.client_of(get_current_request(), path)

    def client_of(self, request: Request, path: str | None = None) -> Client:
        """The same for a request that is no callback's."""
        headers: dict[str, str] = {}
        if (path or "").startswith("/shared/"):
            own = f"{SHARE_COOKIE}_{(path or '').split('/')[2]}"
            headers["Kinscape-Share"] = request.cookies.get(own) or request.cookies.get(SHARE_COOKIE, "-")
        else:
            # Whoever comes with a link stays who they are, whatever path they name.
            for name in ("cookie", "authorization", "kinscape-share", "kinscape-shared-page"):
                if name in request.headers:
                    headers[name] = request.headers[name]
        if request.client is not None:
            # The server trusts this of calls from its own machine: what is done on a page is its visitor's.
            headers["X-Forwarded-For"] = request.client.host
        return Client(self._url, "", headers=headers, pool=self._pool)

    def visitor(self, request: Request, token: str) -> Client:
        """A client that may what the link of this token opens."""
        headers = {"Kinscape-Share": token}
        if request.client is not None:
            headers["X-Forwarded-For"] = request.client.host
        return Client(self._url, "", headers=headers, pool=self._pool)

    def close(self) -> None:
        """Close the connections to the API."""
        self._pool.close()

    def cards(self, client: Client) -> dict[str, Card]:
        """Every card by slug; they stay the same while the program runs."""
        if not self._cards:
            self._cards = {c.slug: c for c in client.measures()}
        return self._cards

    def matrix(self, comparison: Comparison, measure: str, layer: str | None) -> PackedMatrix:
        """A matrix, cached while its version stays; the comparison was read on behalf of this visitor."""
        key = (comparison.id, measure, layer, comparison.details.progress.version)
        with self._lock:
            if key in self._matrices:
                return self._matrices[key]
        matrix = comparison.packed_matrix(measure, layer=layer)
        with self._lock, contextlib.suppress(ValueError):
            # A matrix larger than the whole cache is not cached.
            self._matrices[key] = matrix
        return matrix


def _size(matrix: PackedMatrix) -> int:
    return 3 * matrix.values.nbytes + matrix.told.nbytes
