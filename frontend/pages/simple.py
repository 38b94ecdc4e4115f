"""Pages of one list: projects, measures."""

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from kinscape.backend.contracts.cards import Topic
from kinscape.client import Client, ClientError, Project
from kinscape.frontend.access import Access
from kinscape.frontend.components.cards import card_of
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import state_badge, trouble
from kinscape.frontend.wiring import on


def new_project() -> Any:
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
    )


def home(projects: list[Project]) -> Any:
    """All projects with their newest comparison."""
    rows = []
    for project in projects[:50]:
        newest = next(iter(project.comparisons()), None)
        more = (
            []
            if newest is None
            else [
                link(newest.name or f"Comparison {newest.id}", f"/comparison/{newest.id}"),
                state_badge(newest.details.progress.state.value),
            ]
        )
        rows.append(
            html.Div([link(project.name, f"/projects/{project.id}", className="study-name"), *more], className="study")
        )
    return html.Div([html.H1("Projects"), html.Div(rows), link("New project", "/new", className="button")])


def measures(client: Client) -> Any:
    """Every card, by topic."""
    cards = client.measures()
    out: list[Any] = [
        html.H1("Measures"),
        html.P(
            f"{len(cards)} measures. Each card says what the number is and when not to trust it.", className="quiet"
        ),
    ]
    for topic in Topic:
        mine = [c for c in cards if c.topic is topic]
        if mine:
            out.append(html.H2(topic.value))
            out.append(html.Div([card_of(c, id=f"card-{c.slug}") for c in mine], className="cards"))
    return html.Div(out, className="measures")


def register(app: Dash, access: Access) -> None:
    """Making a project, and the card of the measure that is pointed at."""

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
        Output("pointed-card", "children"),
        Input("card-asked", "data"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def point(slug: str, path: str) -> Any:
        try:
            card = access.cards(access.client(path)).get(slug)
        except ClientError:
            return no_update
        return no_update if card is None else card_of(card, **{"data-of": slug})
