"""The door to a server."""

import os
from types import TracebackType
from typing import Any, Self

import httpx

from kinscape.backend.contracts.cards import ArchitectureCard, Card
from kinscape.backend.contracts.demos import Demo
from kinscape.backend.contracts.housekeeping import Event, Reclaimed
from kinscape.backend.contracts.studies import TemplateCard
from kinscape.client.checkpoint import Checkpoint
from kinscape.client.comparison import Comparison
from kinscape.client.http import ClientError, Http
from kinscape.client.project import Project
from kinscape.client.share import Share
from kinscape.client.study import Study


class Client:
    """A connection to a Kinscape server.

    Args:
        url: address of the server.
        token: owner token; ``KINSCAPE_TOKEN`` when left out, none when empty.
        headers: sent with every request.
        pool: connections shared with other clients (``kinscape.client.http.connections``); own ones when left out.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8050",
        token: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        pool: httpx.Client | None = None,
    ) -> None:
        token = os.environ.get("KINSCAPE_TOKEN") if token is None else token
        self._http = Http(url, token=token, headers=headers, pool=pool)

    @property
    def http(self) -> Http:
        """The requests themselves."""
        return self._http

    def create_project(self, name: str) -> Project:
        """Make a project."""
        return Project(self._http, self._http.post("/projects", json={"name": name}))

    def projects(self) -> list[Project]:
        """All projects, newest first."""
        return [Project(self._http, p) for p in self._http.every("/projects")]

    def deleted_projects(self) -> list[Project]:
        """Projects that were deleted and can be restored, newest first."""
        return [Project(self._http, p) for p in self._http.every("/projects?deleted=true")]

    def restore_project(self, project: int) -> Project:
        """Bring the deleted project of this number back, with all that went with it."""
        return Project(self._http, self._http.post(f"/projects/{project}/restore"))

    def collect(self, *, is_trial: bool = False) -> Reclaimed:
        """Remove files, rows and cache of the server that nothing needs any more, or count them alone."""
        query = "?dry_run=true" if is_trial else ""
        return Reclaimed.model_validate(self._http.post(f"/housekeeping/collect{query}"))

    def changes(self) -> list[Event]:
        """Who changed what on this server, newest first."""
        return [Event.model_validate(e) for e in self._http.every("/housekeeping/events")]

    def project(self, name: str) -> Project:
        """The project of this name."""
        for found in self.projects():
            if found.name == name:
                return found
        raise ClientError(f"There is no project named {name!r}.", status=404)

    def checkpoint(self, number: int) -> Checkpoint:
        """The checkpoint of this number."""
        return Checkpoint.of(self._http, self._http.get(f"/checkpoints/{number}"))

    def comparison(self, number: int) -> Comparison:
        """The comparison of this number."""
        return Comparison(self._http, self._http.get(f"/comparisons/{number}"))

    def study(self, number: int) -> Study:
        """The study of this number."""
        return Study(self._http, self._http.get(f"/studies/{number}"))

    def study_templates(self) -> list[TemplateCard]:
        """Every kind of study, with its question, roles, measures and pitfalls."""
        return [TemplateCard.model_validate(t) for t in self._http.get("/studies/templates")]

    def demos(self) -> list[Demo]:
        """Studies that can be tried on networks which the server trains, and how far these are."""
        return [Demo.model_validate(d) for d in self._http.get("/demos")]

    def try_demo(self, template: str) -> Demo:
        """Have the server train the networks of a demo study and run it, in a project of its own."""
        return Demo.model_validate(self._http.post(f"/demos/{template}"))

    def running(self) -> list[Comparison]:
        """Comparisons that are being computed."""
        return [Comparison(self._http, c) for c in self._http.every("/comparisons")]

    def revoke(self, share: int) -> None:
        """End the link of this number for good."""
        self._http.post(f"/shares/{share}/revoke")

    def delete_comparison(self, comparison: int) -> None:
        """Delete a comparison and close its links; for seven days it can be restored."""
        self._http.delete(f"/comparisons/{comparison}")

    def restore_comparison(self, comparison: int) -> Comparison:
        """Bring a deleted comparison back, with its links."""
        return Comparison(self._http, self._http.post(f"/comparisons/{comparison}/restore"))

    def opened_share(self) -> Share:
        """The link that this client came with."""
        return Share(self._http, self._http.get("/shared"))

    def project_numbered(self, number: int) -> Project:
        """The project of this number."""
        return Project(self._http, self._http.get(f"/projects/{number}"))

    def measures(self) -> list[Card]:
        """The cards of all measures that the workers offer."""
        return [Card.model_validate(c) for c in self._http.get("/measures")]

    def architectures(self) -> list[ArchitectureCard]:
        """Architectures that can be built by name."""
        return [ArchitectureCard.model_validate(c) for c in self._http.get("/architectures")]

    def health(self) -> dict[str, Any]:
        """Whether every part answers."""
        found: dict[str, Any] = self._http.get("/health")
        return found

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
