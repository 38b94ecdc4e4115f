"""Requests to the API, and errors as the sentences that came back."""

import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpx

API = "/api/v1"
# With growing pauses: a restart of the server is waited for.
TRIES = 4
# A matrix of many checkpoints may take seconds to be read; a server that is silent for longer is not answering.
TIMEOUT_S = 60


class ClientError(Exception):
    """The server refused a request; the message is its sentence.

    Attributes:
        status: HTTP status; 0 when the server did not answer.
        problem: the whole problem document.
    """

    def __init__(self, sentence: str, *, status: int = 0, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.problem = dict(problem or {})


def connections(url: str) -> httpx.Client:
    """A pool of connections to one server that remembers nothing of who used it: no cookies, no headers."""
    keep_nothing = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.Client(base_url=url.rstrip("/") + API, cookies=keep_nothing, timeout=TIMEOUT_S, trust_env=False)


class Http:
    """Requests of one user to one server.

    Args:
        pool: connections that others use too and that stay open; else own ones, until ``close``.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        pool: httpx.Client | None = None,
    ) -> None:
        self._headers = dict(headers or {})
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self.url = url.rstrip("/")
        self._owns_pool = pool is None
        self._pool = connections(url) if pool is None else pool

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One request; reading is tried again while the server restarts."""
        # None keeps the parameters that the path itself has.
        given = {k: v for k, v in (params or {}).items() if v is not None} or None
        sent = {**self._headers, **(headers or {})}
        for attempt in range(TRIES):
            try:
                answer = self._pool.request(method, path, json=json, params=given, headers=sent, content=content)
            except httpx.TransportError as error:
                if attempt + 1 < TRIES and method in ("GET", "HEAD"):
                    time.sleep(0.5 * 2**attempt)
                    continue
                raise ClientError(f"The server at {self.url} does not answer ({error}).") from error
            except ValueError as error:
                if json is None:
                    raise
                raise ClientError("NaN and infinity cannot be sent; give numbers that are finite.") from error
            if answer.status_code == 503 and attempt + 1 < TRIES and method in ("GET", "HEAD"):
                time.sleep(0.5 * 2**attempt)
                continue
            break
        if answer.status_code >= 400:
            raise _error(answer)
        return answer

    def get(self, path: str, **params: Any) -> Any:
        """The JSON at a path."""
        return self.request("GET", path, params=params).json()

    def download(self, path: str, target: Path) -> None:
        """Write what is at a path to a file, in pieces; a file that is there is replaced when all of it has come."""
        part = target.with_name(f"{target.name}.part")
        try:
            with self._pool.stream("GET", path, headers=self._headers) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise _error(answer)
                with part.open("wb") as file:
                    for piece in answer.iter_bytes():
                        file.write(piece)
        except httpx.TransportError as error:
            part.unlink(missing_ok=True)
            raise ClientError(f"The server at {self.url} does not answer ({error}).") from error
        part.replace(target)

    def every(self, path: str) -> list[Any]:
        """All entries of a list, however many answers it takes."""
        found: list[Any] = []
        following: str | None = path
        while following is not None:
            answer = self.request("GET", following)
            found += answer.json()
            link = answer.links.get("next", {}).get("url")
            following = None if link is None else link.removeprefix(API)
        return found

    def patch(self, path: str, json: Any) -> Any:
        """The JSON that a PATCH answers."""
        return self.request("PATCH", path, json=json).json()

    def delete(self, path: str) -> None:
        """Delete what is at a path."""
        self.request("DELETE", path)

    def post(self, path: str, json: Any = None) -> Any:
        """The JSON that a POST answers."""
        return self.request("POST", path, json=json).json()

    def close(self) -> None:
        """Close the connections, unless they are shared."""
        if self._owns_pool:
            self._pool.close()


def _error(answer: httpx.Response) -> ClientError:
    try:
        problem = answer.json()
        sentence = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        problem, sentence = {}, f"The server answered {answer.status_code}."
    return ClientError(sentence, status=answer.status_code, problem=problem)
