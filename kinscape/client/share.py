"""A link that opens one view."""

from typing import Any

from kinscape.backend.contracts.shares import ShareScope
from kinscape.client.http import Http


class Share:
    """A link; ``url`` is known only to the one who made it."""

    def __init__(self, http: Http, data: dict[str, Any]) -> None:
        self._http = http
        self.id: int = data["id"]
        self.comparison: int = data["comparison"]
        self.url: str | None = data.get("url")
        self.view: str = data["view"]
        self.expires: str = data["expires"]
        self.last_used: str | None = data["last_used"]
        self.revoked: bool = data["revoked"]
        self.may_export: bool = data["may_export"]
        self.masked: bool = data["masked"]
        self.scope = ShareScope(data["scope"])
        self.made_by: str = data["made_by"]

    def extend(self, days: int) -> None:
        """Let the link work for so many days from now; one that has expired opens again.

        Raises:
            ClientError: it was revoked.
        """
        self.expires = self._http.post(f"/shares/{self.id}/extend", json={"expires_in_days": days})["expires"]

    def revoke(self) -> None:
        """End the link for good."""
        self.revoked = self._http.post(f"/shares/{self.id}/revoke")["revoked"]
