"""Pages of one list: projects, studies, measures."""

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update

from backend.contracts.cards import Card, Question
from frontend.access import Access
from frontend.components.frame import link
from frontend.components.words import fact, nothing, state_badge, trouble
from frontend.figures.look import number
from frontend.wiring import on
from kinscape.client import Client, ClientError, Project


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


def studies(project: Project) -> Any:
    """All comparisons of a project, newest first."""
    found = project.comparisons()
    if not found:
        return nothing(
            "No comparisons yet",
            "Choose checkpoints and questions, and run the first one.",
            link("New comparison", f"/projects/{project.id}/compare", className="button primary"),
        )
    rows = []
    for c in found:
        d = c.details
        done = f"{d.counts.new} new, {d.counts.reused} known cells"
        rows.append(
            html.Div(
                [
                    link(d.name or f"Comparison {d.id}", f"/comparison/{d.id}", className="study-name"),
                    state_badge(d.progress.state.value),
                    html.Span(
                        f"{len(d.checkpoints)} checkpoints × {len(d.measures)} measures on {d.probe}", className="quiet"
                    ),
                    html.Span(done, className="quiet"),
                    html.Span(f"{d.created:%Y-%m-%d %H:%M}", className="quiet"),
                ],
                className="study",
            )
        )
    return html.Div([html.H1("Studies"), html.Div(rows)])


def measures(client: Client) -> Any:
    """Every card, by the question that it answers."""
    cards = client.measures()
    out: list[Any] = [
        html.H1("Measures"),
        html.P(
            f"{len(cards)} measures. Each card says what the number is and when not to trust it.", className="quiet"
        ),
    ]
    for question in Question:
        mine = [c for c in cards if c.question is question]
        if mine:
            out.append(html.H2(question.value))
            out.append(html.Div([card_of(c) for c in mine], className="cards"))
    return html.Div(out, className="measures")


def card_of(card: Card) -> Any:
    """One card."""
    low = "−∞" if card.low is None else number(card.low)
    high = "∞" if card.high is None else number(card.high)
    facts = [
        fact("Range", f"{low} to {high}; {card.direction.value}"),
        fact("Symmetric", "yes" if card.symmetric else "no"),
        fact(
            "Reads", f"{card.input.value}, {card.role.value} samples" if card.role.value != "none" else card.input.value
        ),
        fact("Interval", card.uncertainty.value),
        fact("Reliable from", card.reliable_from),
        fact("Source", card.source),
    ]
    if card.identical is not None:
        facts.insert(1, fact("With itself", number(card.identical)))
    chips = [
        dmc.Badge(c.value, variant="light", color="gray", size="sm", radius="sm", tt="none")
        for c in sorted(card.ignores)
    ]
    settings = [
        html.Div(
            f"{p.name} = {p.default}: {p.help}" + (f" One of {', '.join(p.choices)}." if p.choices else ""),
            className="quiet",
        )
        for p in card.parameters
    ]
    return html.Article(
        [
            html.Div([html.H3(card.title), html.Code(card.slug)], className="card-head"),
            html.P(card.summary),
            dcc.Markdown(f"$${card.formula}$$", mathjax=True, className="formula"),
            *facts,
            html.Div(
                [
                    html.Span("Ignores", className="fact-name"),
                    html.Div(chips or "nothing of the kind", className="chips"),
                ],
                className="fact",
            ),
            html.P(card.pitfalls, className="pitfall"),
            *settings,
        ],
        className="card",
        id=f"card-{card.slug}",
    )


def register(app: Dash, access: Access) -> None:
    """Making a project."""

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
