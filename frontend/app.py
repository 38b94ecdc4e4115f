"""The dashboard as one Dash application on the API's server."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import dash_ag_grid
from dash import Dash, Input, Output, State, html, no_update
from fastapi import FastAPI

from kinscape.backend.contracts.cards import Arity
from kinscape.client import Client, ClientError, Comparison, Project
from kinscape.frontend import static_page
from kinscape.frontend.access import Access
from kinscape.frontend.components import frame
from kinscape.frontend.components.words import nothing, trouble
from kinscape.frontend.pages import (
    checkpoint,
    compare,
    comparisons,
    library,
    measures,
    projects,
    studies,
    study,
    study_form,
)
from kinscape.frontend.pages.comparison import page as comparison
from kinscape.frontend.wiring import on, on_error

ASSETS = Path(__file__).with_name("assets")
# Served, and brought when first needed: by ``assets/lazy.js`` and ``browser/writers.ts``.
BROUGHT_LATER = r"plotly-cartesian\.min\.js|writers\.js"
INDEX = """<!DOCTYPE html>
<html lang="en"><head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body></html>"""
CSP = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def create_dashboard(server: FastAPI, access: Access, *, frames: str = "") -> Dash:
    """The dashboard, serving every path that the API leaves.

    Args:
        server: the application that it joins.
        access: how it reaches the API.
        frames: origins whose pages may embed comparisons.
    """
    _bring_when_drawn()
    app = Dash(
        __name__,
        server=server,
        assets_ignore=BROUGHT_LATER,
        assets_folder=str(ASSETS),
        suppress_callback_exceptions=True,
        title="Kinscape",
        update_title=None,
        index_string=INDEX,
        add_log_handler=False,
        on_error=on_error,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = frame.layout()
    _register_pages(app, access)
    static_page.register(server, access, frames)
    for room in (library, compare, comparison, comparisons, studies, study_form, study, projects, measures):
        room.register(app, access)
    return app


def _bring_when_drawn() -> None:
    """Leave the table of the library out of pages without one; ``assets/lazy.js`` brings it."""
    for script in dash_ag_grid._js_dist:
        if script["relative_package_path"] == "dash_ag_grid.min.js":
            script["dynamic"] = True


def content_security_policy(app: Dash) -> str:
    """The policy under which the dashboard works; call after all callbacks are registered."""
    return CSP.format(hashes=" ".join(app.csp_hashes()))


def _register_pages(app: Dash, access: Access) -> None:
    @on(
        app,
        Output("page", "children"),
        Input("address", "pathname"),
        State("address", "search"),
        State("scheme", "data"),
    )
    def show(path: str, query: str | None, scheme: str | None) -> Any:
        client = access.client(path)
        drawn = "dark" if scheme == "dark" else "light"
        try:
            return _home(client) if path.strip("/") == "" else _page(access, client, path, query or "", drawn)
        except ClientError as error:
            return _missing(path, error)

    @on(
        app,
        Output("header", "children"),
        Output("last-project", "data"),
        Input("address", "pathname"),
        State("last-project", "data"),
    )
    def head(path: str, last: Any) -> tuple[Any, Any]:
        try:
            return _header(access.client(path), path, last)
        except ClientError:
            # What went wrong stands on the page; the way back should not be lost with it.
            return frame.header(project=None, projects=[], path=path, running=0), last

    @on(
        app,
        Output("running", "children"),
        Input("tick", "n_intervals"),
        State("address", "pathname"),
        State("running", "children"),
        prevent_initial_call=True,
    )
    def refresh(_: int, path: str, shown: str) -> Any:
        if path.startswith("/shared/"):
            return no_update
        try:
            words = frame.running_words(len(access.client(path).running()))
        except ClientError:
            return no_update
        return no_update if words == shown else words


class Visit(NamedTuple):
    """An address that somebody opened: whose eyes see it, its numbers and its query."""

    access: Access
    client: Client
    path: str
    number: int
    query: dict[str, str]
    scheme: str

    @property
    def project(self) -> Project:
        """The project that the address names."""
        return self.client.project_numbered(self.number)


# Every page by its address; the first number of the address is given to it.
PAGES: dict[str, Callable[[Visit], Any]] = {
    r"/measures": lambda v: measures.page(v.client, v.query),
    r"/new": lambda v: projects.new(),
    r"/comparison/[^/]+": lambda v: comparison.shell(v.client, v.path),
    r"/shared/[^/]+": lambda v: comparison.shell(v.client, v.path),
    r"/checkpoint/(\d{1,18})": lambda v: checkpoint.page(v.access, v.client, v.number, scheme=v.scheme),
    r"/study/(\d{1,18})": lambda v: study.page(v.client, v.number, scheme=v.scheme),
    r"/projects/(\d{1,18})": lambda v: library.page(v.project, library.filter_of(v.query)),
    r"/projects/(\d{1,18})/compare": lambda v: compare.page(v.client, v.project, compare.Start.of(v.query)),
    r"/projects/(\d{1,18})/comparisons": lambda v: comparisons.page(v.project),
    r"/projects/(\d{1,18})/studies": lambda v: studies.page(v.client, v.project),
    r"/projects/(\d{1,18})/studies/new": lambda v: study_form.page(
        v.client, v.project, v.query.get("template", "")[:64]
    ),
}


def _missing(path: str, error: ClientError) -> Any:
    """A page in place of one that is not there, or that its visitor may not see."""
    if path.startswith("/shared/") and error.status in (401, 403, 404):
        told = "It is wrong, has expired, or was revoked. Whoever sent it can make a new one."
        return nothing("This link does not open anything", told, heading=html.H1)
    if error.status in (404, 410):
        start = frame.link("Start page", "/", className="button")
        return nothing("There is nothing here", str(error), start, heading=html.H1)
    return trouble(str(error))


def _page(access: Access, client: Client, path: str, query: str, scheme: str) -> Any:
    named = dict(parse_qsl(query.lstrip("?")))
    whole = "/" + "/".join(p for p in path.split("/") if p)
    for pattern, draw in PAGES.items():
        found = re.fullmatch(pattern, whole, re.ASCII)
        if found:
            return draw(Visit(access, client, path, int(found[1]) if found.groups() else 0, named, scheme))
    return nothing(
        "There is nothing here",
        "The address is not one of this dashboard's pages.",
        frame.link("Start page", "/", className="button"),
        heading=html.H1,
    )


def _home(client: Client) -> Any:
    """All projects, and under them the newest comparison at a glance."""
    there = client.projects()
    if not there and not client.deleted_projects():
        return nothing(
            "Welcome to Kinscape",
            "Make a project and drop checkpoints into it, or load the demo zoo with: kinscape demo",
            frame.link("New project", "/new", className="button primary"),
        )
    newest = _to_glance_at(there)
    if newest is None:
        return projects.home(client)
    name = newest.name or f"Comparison {newest.id}"
    heading = html.H2(frame.link(name, f"/comparison/{newest.id}"))
    return html.Div([projects.home(client), heading, comparison.glance(newest.id)])


# Comparisons of a project among which one with matrices is looked for.
MOST_GLANCED = 10


def _to_glance_at(there: list[Project]) -> Comparison | None:
    """The newest comparison of the first project that has one; rather one of pairs, which has matrices to show."""
    project = next((p for p in there if p.details.newest is not None), None)
    if project is None:
        return None
    listed = project.comparisons()[:MOST_GLANCED]
    paired = (c for c in listed if any(m.arity is Arity.PAIR for m in c.details.measures))
    return next(paired, listed[0] if listed else None)


def _header(client: Client, path: str, last: Any) -> tuple[Any, int | None]:
    """The header, and the number of the project that it names."""
    if path.startswith("/shared/"):
        return frame.header(project=None, projects=[], path=path, running=0), None
    there = client.projects()
    project = _current(client, path, there, last)
    header = frame.header(project=project, projects=there, path=path, running=len(client.running()))
    return header, None if project is None else project.id


# The project of what an address names.
PROJECT_OF: dict[str, Callable[[Client, int], int | None]] = {
    "projects": lambda _client, number: number,
    "comparison": lambda client, number: client.comparison(number).details.project,
    "checkpoint": lambda client, number: client.checkpoint(number).project,
    "study": lambda client, number: client.study(number).details.project,
}


def _current(client: Client, path: str, projects: list[Project], last: Any) -> Project | None:
    """The project of an address; where it has none, the one that was looked at before."""
    parts = [p for p in path.split("/") if p]
    number = last if isinstance(last, int) else None
    if len(parts) >= 2 and parts[1].isdecimal() and parts[0] in PROJECT_OF:
        # What is not there says so on the page.
        with contextlib.suppress(ClientError):
            number = PROJECT_OF[parts[0]](client, int(parts[1]))
    return next((p for p in projects if p.id == number), projects[0] if projects else None)
