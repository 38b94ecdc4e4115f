"""New comparison: checkpoints, probe sets and measures."""

from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, html, no_update

from kinscape.backend.contracts import uploads
from kinscape.backend.contracts.cards import Arity, Card, Topic
from kinscape.backend.contracts.comparisons import PENULTIMATE
from kinscape.backend.contracts.plans import Plan
from kinscape.backend.contracts.probes import Probe, ProbeRole
from kinscape.client import Client, ClientError, Project
from kinscape.client.project import Asked
from kinscape.frontend.access import Access
from kinscape.frontend.components.cards import named
from kinscape.frontend.components.words import nothing, trouble
from kinscape.frontend.filtering import matches
from kinscape.frontend.pages.library import GRID, row_of
from kinscape.frontend.wiring import on

FIRST_MEASURES = ("disagreement", "linear-cka", "accuracy")
COST = {"product": "fast", "pair": "moderate", "path": "slow"}


def page(client: Client, project: Project) -> Any:
    """The whole page."""
    checkpoints = [c for c in project.checkpoints() if c.state is uploads.State.READY]
    probes = [p for p in project.probes() if p.state is uploads.State.READY]
    if not checkpoints or not probes:
        return nothing(
            "Nothing to compare yet",
            "A comparison needs checkpoints and a probe set: add both in the library.",
        )
    held_out = next((p for p in probes if p.role is ProbeRole.HELD_OUT), probes[0])
    train = next((p for p in probes if p.role is ProbeRole.TRAIN), None)
    layers = list(dict.fromkeys(layer for c in checkpoints for layer in c.layers))
    choices = [{"value": str(p.id), "label": f"{p.name} ({p.samples})"} for p in probes]
    rows = [row_of(c) for c in reversed(checkpoints)]
    return html.Div(
        [
            html.H1("New comparison"),
            html.Div(
                [
                    html.Section([html.H2("Checkpoints"), _who(rows)], className="column"),
                    html.Section(_on_what(choices, layers, held_out=held_out, train=train), className="column"),
                    html.Section([html.H2("Measures"), question_list(client.measures())], className="column wide"),
                ],
                className="columns",
            ),
            html.Div(
                [html.Div(id="ask-plan", className="quiet plan"), dmc.Button("Run", id="ask-run", size="sm")],
                className="bar sticky",
            ),
            html.Div(id="ask-trouble"),
        ],
        className="compare",
    )


def _on_what(choices: list[dict[str, str]], layers: list[str], *, held_out: Probe, train: Probe | None) -> list[Any]:
    return [
        html.H2("Probe sets and layers"),
        dmc.Select(
            id="ask-probe",
            label="Held-out probe set",
            data=choices,
            value=str(held_out.id),
            allowDeselect=False,
        ),
        dmc.Select(
            id="ask-train",
            label="Train probe set",
            clearable=True,
            data=choices,
            value=None if train is None else str(train.id),
            description="Sharpness is measured on it; without one, on the held-out set.",
        ),
        dmc.MultiSelect(
            id="ask-layers",
            label="Layers",
            data=["penultimate", "output", *layers],
            value=["penultimate"],
            searchable=True,
        ),
        dmc.Select(
            id="ask-reduction",
            label="Features of maps and sequences",
            data=[
                {"value": "mean", "label": "Mean over positions"},
                {"value": "flatten", "label": "All values, flattened"},
                {"value": "positions", "label": "Every position a sample"},
                {"value": "cls", "label": "First token"},
                {"value": "last-token", "label": "Last token"},
            ],
            value="mean",
            allowDeselect=False,
        ),
        dmc.TextInput(id="ask-name", label="Name", placeholder="Optional"),
    ]


def _who(rows: list[dict[str, Any]]) -> Any:
    return html.Div(
        [
            dmc.TextInput(
                id="ask-filter",
                placeholder="Filter: group:sam acc>0.9",
                debounce=250,
                **{"aria-label": "Filter checkpoints"},
            ),
            dag.AgGrid(
                id="ask-grid",
                rowData=rows,
                selectedRows=rows,
                getRowId="params.data.key",
                columnDefs=[{"field": "name", "flex": 2}, {"field": "group", "flex": 1}],
                dashGridOptions={
                    **GRID,
                    "rowSelection": {
                        "mode": "multiRow",
                        "checkboxes": True,
                        "headerCheckbox": True,
                        "enableClickSelection": True,
                        "selectAll": "filtered",
                    },
                },
                style={"height": "380px"},
            ),
            html.Div(id="ask-count", className="quiet"),
        ]
    )


def question_list(cards: list[Card]) -> Any:
    """Every measure to choose from, under its topic."""
    out = []
    for topic in Topic:
        mine = [c for c in cards if c.topic is topic]
        if mine:
            out.append(html.H3(topic.value))
            out.append(html.Div([_choice(c) for c in mine], className="choices"))
    chosen = [c.slug for c in cards if c.slug in FIRST_MEASURES]
    find = dmc.TextInput(id="find-measure", placeholder="Find a measure", **{"aria-label": "Find a measure"})
    none = html.P("No measure fits these words.", id="find-none", className="quiet", hidden=True)
    return html.Div([find, none, dmc.CheckboxGroup(id="ask-measures", value=chosen, children=html.Div(out))])


def _choice(card: Card) -> Any:
    cost = COST[card.pace.value] if card.arity is Arity.PAIR else "per model"
    box = dmc.Checkbox(value=card.slug, label=named(card), description=f"{card.summary} ({cost})", size="sm")
    more = [card.slug, card.reliable_from, card.pitfalls, card.source, *sorted(card.ignores)]
    return html.Div(box, className="choice", **{"data-words": " ".join(more)})


def register(app: Dash, access: Access) -> None:
    """The plan below the columns, and the run button."""
    _register_filter(app, access)
    _register_asking(app, access)


def _register_filter(app: Dash, access: Access) -> None:
    @on(
        app,
        Output("ask-grid", "rowData"),
        Input("ask-filter", "value"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def filtered(text: str | None, path: str) -> list[dict[str, Any]]:
        project = access.client(path).project_numbered(int(path.split("/")[2]))
        rows = [row_of(c) for c in reversed(project.checkpoints()) if c.state is uploads.State.READY]
        return [r for r in rows if matches(r, text or "")]


def _layers_asked(chosen: list[str] | None) -> list[str]:
    """The layers to ask for; none when the penultimate one alone is meant, as comparisons without a choice are."""
    return [] if chosen is None or chosen == [PENULTIMATE] else chosen


def _register_asking(app: Dash, access: Access) -> None:
    @on(
        app,
        Output("ask-plan", "children"),
        Output("ask-trouble", "children"),
        Output("address", "pathname"),
        Output("address", "search"),
        Output("ask-count", "children"),
        Input("ask-run", "n_clicks"),
        Input("ask-grid", "selectedRows"),
        Input("ask-probe", "value"),
        Input("ask-train", "value"),
        Input("ask-layers", "value"),
        Input("ask-reduction", "value"),
        Input("ask-measures", "value"),
        State("ask-name", "value"),
        State("address", "pathname"),
    )
    def plan_or_run(
        _: int | None,
        rows: list[dict[str, Any]] | None,
        probe: str,
        train: str | None,
        layers: list[str],
        reduction: str,
        measures: list[str],
        name: str | None,
        path: str,
    ) -> tuple[Any, ...]:
        asked: Asked = {
            "name": name or "",
            "checkpoints": sorted(r["id"] for r in rows or []),
            "probe": int(probe),
            "train_probe": int(train) if train else None,
            "measures": measures,
            "layers": _layers_asked(layers),
            "reduction": reduction,
        }
        count = f"{len(rows or [])} chosen"
        if not measures:
            return "", trouble("Choose at least one measure."), no_update, no_update, count
        try:
            project = access.client(path).project_numbered(int(path.split("/")[2]))
            if ctx.triggered_id == "ask-run":
                return no_update, None, f"/comparison/{project.compare(**asked).id}", "", count
            words = _plan_in_words(project.plan(**asked))
        except ClientError as error:
            return "", trouble(str(error)), no_update, no_update, count
        return words, None, no_update, no_update, count


def _plan_in_words(plan: Plan) -> str:
    """How many cells a comparison would compute, and how long that takes."""
    seconds = f"; about {plan.seconds:.0f} s on one worker" if plan.counts.new else ""
    return f"{plan.counts.new} cells new, {plan.counts.reused} known{seconds}"
