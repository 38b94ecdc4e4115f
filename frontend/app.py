"""The dashboard as one Dash application on the API's server."""

from pathlib import Path
from typing import Any

from dash import Dash, Input, Output, State, html
from fastapi import FastAPI

from kinscape.client import Client, ClientError, Project
from kinscape.frontend.access import Access
from kinscape.frontend.components import frame
from kinscape.frontend.components.words import nothing, trouble
from kinscape.frontend.pages import compare, library, simple
from kinscape.frontend.pages.comparison import page as comparison
from kinscape.frontend.pages.comparison.opened import OpenedComparison, comparison_of
from kinscape.frontend.pages.comparison.tabs import multiples
from kinscape.frontend.view import View
from kinscape.frontend.wiring import on, on_error

ASSETS = Path(__file__).with_name("assets")
INDEX = """<!DOCTYPE html>
<html lang="en"><head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body></html>"""
CSP = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

# Small matrices on a start page.
AT_A_GLANCE = 8


def create_dashboard(server: FastAPI, access: Access) -> Dash:
    """The dashboard, serving every path that the API leaves.

    Args:
        server: the application that it joins.
        access: how it reaches the API.
    """
    app = Dash(
        __name__,
        server=server,
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
    for room in (library, compare, comparison, simple):
        room.register(app, access)
    return app


def content_security_policy(app: Dash) -> str:
    """The policy under which the dashboard works; call after all callbacks are registered."""
    return CSP.format(hashes=" ".join(app.csp_hashes()))


def _register_pages(app: Dash, access: Access) -> None:
    @on(
        app,
        Output("page", "children"),
        Output("header", "children"),
        Input("address", "pathname"),
        State("scheme", "data"),
    )
    def show(path: str, scheme: str) -> tuple[Any, Any]:
        client = access.client(path)
        try:
            body = _home(access, client, scheme) if path.strip("/") == "" else _page(client, path)
            return body, _header(client, path)
        except ClientError as error:
            return trouble(str(error)), frame.header(project=None, projects=[], path=path, running=0)

    @on(
        app,
        Output("header", "children", allow_duplicate=True),
        Input("tick", "n_intervals"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def refresh(_: int, path: str) -> Any:
        return _header(access.client(path), path)


def _page(client: Client, path: str) -> Any:
    parts = [p for p in path.split("/") if p]
    if parts == ["measures"]:
        return simple.measures(client)
    if parts == ["new"]:
        return simple.new_project()
    if parts[0] in ("comparison", "shared") and len(parts) == 2:
        client.comparison(comparison_of(client, path))
        return comparison.shell(path)
    if parts[0] == "projects" and len(parts) >= 2 and parts[1].isdecimal():
        project = client.project_numbered(int(parts[1]))
        rest = parts[2:]
        if not rest:
            return library.page(project)
        if rest == ["compare"]:
            return compare.page(client, project)
        if rest == ["studies"]:
            return simple.studies(project)
    return nothing(
        "There is nothing here",
        "The address is not one of this dashboard's pages.",
        frame.link("Start page", "/", className="button"),
    )


def _home(access: Access, client: Client, scheme: str) -> Any:
    """All projects, and under them the newest comparison at a glance."""
    projects = client.projects()
    if not projects:
        return nothing(
            "Welcome to Kinscape",
            "Make a project and drop checkpoints into it, or load the demo zoo with: kinscape demo",
            frame.link("New project", "/new", className="button primary"),
        )
    newest = next((c for p in projects[:20] for c in p.comparisons()), None)
    if newest is None:
        return simple.home(projects)
    name = newest.name or f"Comparison {newest.id}"
    opened = OpenedComparison(access, client, newest, View(), f"/comparison/{newest.id}")
    glance = multiples.draw(opened, scheme, most=AT_A_GLANCE)
    return html.Div([simple.home(projects), html.H2(frame.link(name, f"/comparison/{newest.id}")), glance])


def _header(client: Client, path: str) -> Any:
    if path.startswith("/shared/"):
        return frame.header(project=None, projects=[], path=path, running=0)
    projects = client.projects()
    running = client.running()
    return frame.header(project=_current(client, path, projects), projects=projects, path=path, running=len(running))


def _current(client: Client, path: str, projects: list[Project]) -> Project | None:
    parts = [p for p in path.split("/") if p]
    number: int | None = None
    if len(parts) >= 2 and parts[1].isdecimal():
        if parts[0] == "projects":
            number = int(parts[1])
        elif parts[0] == "comparison":
            try:
                number = client.comparison(int(parts[1])).details.project
            except ClientError:
                number = None
    return next((p for p in projects if p.id == number), projects[0] if projects else None)
