"""The projects: opened, made, renamed, deleted, restored."""

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update

from kinscape.backend.contracts.words import counted
from kinscape.client import Client, ClientError, Project
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import first_line, notes_field, state_badge, trouble
from kinscape.frontend.wiring import on

# A list that fits a page; the menu and the command line have the others.
MOST = 50


def new() -> Any:
    """Where a project gets its name."""
    return html.Div(
        [
            html.H1("New project"),
            html.P("A project holds checkpoints, probe sets and the comparisons between them.", className="quiet"),
            dmc.TextInput(id="project-name", label="Name", className="narrow"),
            dmc.Button("Create", id="project-create", mt="md"),
            html.Div(id="project-trouble"),
        ],
        className="narrow",
        **{"data-enter": "project-create"},
    )


def home(client: Client) -> Any:
    """All projects with their newest comparison, and those that can be restored."""
    return html.Div(
        [
            html.Div([html.H1("Projects"), link("New project", "/new", className="button")], className="bar"),
            html.Div(_listed(client), id="project-list"),
        ]
    )


def _listed(client: Client) -> list[Any]:
    rows = [_row(p) for p in client.projects()[:MOST]]
    gone = client.deleted_projects()[:MOST]
    if gone:
        rows.append(html.H2("Recently deleted"))
        rows += [_deleted(p) for p in gone]
    return rows


def _row(project: Project) -> Any:
    newest = project.details.newest
    more = []
    if newest is not None:
        address = f"/comparison/{newest.id}" if newest.study is None else f"/study/{newest.study}"
        more = [link(newest.name or f"Comparison {newest.id}", address), state_badge(newest.state)]
    size = f"{counted(project.details.checkpoints, 'checkpoints')}, "
    size += counted(project.details.comparisons, "comparisons")
    form = html.Div(
        [
            dmc.TextInput(id={"project-name": project.id}, value=project.name, label="Name", size="xs"),
            notes_field({"project-notes": project.id}, project.details.notes),
            dmc.Button("Save", id={"project-save": project.id}, size="xs"),
            dmc.Button("Delete", id={"project-delete": project.id}, size="xs", variant="default"),
            html.Span(
                f"Deleting takes {size} and all links along; seven days long it can be undone.", className="quiet"
            ),
        ],
        className="bar",
        **{"data-enter": "first"},
    )
    return html.Div(
        [
            link(project.name, f"/projects/{project.id}", className="study-name"),
            *more,
            html.Span(size, className="quiet"),
            first_line(project.details.notes),
            html.Details([html.Summary("Edit"), form], className="inline-edit"),
        ],
        className="study",
    )


def _deleted(project: Project) -> Any:
    return html.Div(
        [
            html.Span(project.name, className="study-name quiet"),
            html.Span(counted(project.details.checkpoints, "checkpoints"), className="quiet"),
            html.Button("Restore", id={"project-restore": project.id}, className="button small"),
        ],
        className="study",
    )


def register(app: Dash, access: Access) -> None:
    """Making a project, and what can be done with one that is there."""

    @on(
        app,
        Output("address", "pathname", allow_duplicate=True),
        Output("project-trouble", "children"),
        Input("project-create", "n_clicks"),
        State("project-name", "value"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def create(clicks: int | None, name: str | None, path: str) -> tuple[Any, Any]:
        if not clicks:
            return no_update, None
        try:
            project = access.client(path).create_project(name or "")
        except ClientError as error:
            return no_update, trouble(str(error))
        return f"/projects/{project.id}", None

    @on(
        app,
        Output("project-list", "children"),
        Input({"project-save": ALL}, "n_clicks"),
        Input({"project-delete": ALL}, "n_clicks"),
        Input({"project-restore": ALL}, "n_clicks"),
        State({"project-name": ALL}, "value"),
        State({"project-notes": ALL}, "value"),
        State({"project-name": ALL}, "id"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def change(*given: Any) -> Any:
        names, notes, ids, path = given[3:]
        asked = ctx.triggered_id
        if not isinstance(asked, dict) or not any(t["value"] for t in ctx.triggered):
            return no_update
        client = access.client(path)
        verb, number = next(iter(asked.items()))
        try:
            if verb == "project-restore":
                client.restore_project(number)
            elif verb == "project-delete":
                client.project_numbered(number).delete()
            else:
                place = [one["project-name"] for one in ids].index(number)
                client.project_numbered(number).change(name=names[place], notes=notes[place] or "")
        except ClientError as error:
            return [trouble(str(error)), *_listed(client)]
        return _listed(client)
