"""New comparison: checkpoints, probe sets and measures."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from kinscape.backend.contracts import uploads
from kinscape.backend.contracts.cards import Card
from kinscape.backend.contracts.comparisons import PENULTIMATE
from kinscape.backend.contracts.comparisons import Comparison as Described
from kinscape.backend.contracts.filtering import matches
from kinscape.backend.contracts.plans import Plan
from kinscape.backend.contracts.probes import Probe, ProbeRole
from kinscape.backend.contracts.words import counted
from kinscape.client import Checkpoint, Client, ClientError, Project
from kinscape.client.project import Asked
from kinscape.frontend.access import Access
from kinscape.frontend.components.words import nothing, trouble
from kinscape.frontend.pages import ask_settings
from kinscape.frontend.pages.filtered import passing
from kinscape.frontend.pages.library import GRID, SHORT, row_of
from kinscape.frontend.pages.measure_choice import FIRST_MEASURES, chips, question_list, set_buttons, sets_of, toggled
from kinscape.frontend.wiring import on

# Of a part of an address: the numbers of a thousand checkpoints.
LONGEST = 20_000
# What a comparison is asked with beside checkpoints, measures and their parameters.
FIELDS = ("probe", "train", "also", "layers", "reduction", "pairs", "precision", "seed")
EVERY_SETTING = {"setting": ALL, "name": ALL}
# Where the settings stand among the inputs of the callback that asks.
SETTINGS_AT = 3


# What tells checkpoints apart where they are chosen.
WHO = [
    {"field": "name", "minWidth": 150, "flex": 2, "tooltipField": "name"},
    {"field": "group", "minWidth": 90, "flex": 1},
    {"field": "lineage", "headerName": "Made from", "width": 130, "tooltipField": "lineage"},
    {"field": "tagged", "headerName": "Tags", "width": 150, "tooltipField": "tagged"},
    {"field": "accuracy", "width": 95, "type": "rightAligned", "valueFormatter": SHORT},
]


class Start(NamedTuple):
    """What the address chooses to begin with.

    Attributes:
        like: number of a comparison whose choices are taken.
        checkpoints: numbers with commas.
        filter: of the library, whose rows are chosen.
    """

    like: str = ""
    checkpoints: str = ""
    filter: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Start":
        """What an address names."""
        return cls(*(query.get(name, "")[:LONGEST] for name in cls._fields))


def page(client: Client, project: Project, start: Start) -> Any:
    """The whole page."""
    checkpoints = [c for c in project.checkpoints() if c.state is uploads.State.READY]
    probes = [p for p in project.probes() if p.state is uploads.State.READY]
    if not checkpoints or not probes:
        return nothing(
            "Nothing to compare yet",
            "A comparison needs checkpoints and a probe set: add both in the library.",
        )
    cards = client.measures()
    before = _asked_before(client, start.like)
    named_probes = {p.name: p for p in probes}
    held_out = next((p for p in probes if p.role is ProbeRole.HELD_OUT), probes[0])
    train = next((p for p in probes if p.role is ProbeRole.TRAIN), None)
    if before is not None:
        held_out = named_probes.get(before.probe, held_out)
        train = named_probes.get(before.train_probe or "")
    usual = [c.slug for c in cards if c.slug in FIRST_MEASURES]
    chosen = usual if before is None else list(dict.fromkeys(m.slug for m in before.measures))
    also = [] if before is None else [str(p.id) for p in probes if p.name in {m.probe for m in before.measures}]
    on_what = _on_what(
        choices_of(probes), layers_of(checkpoints), held_out=held_out, train=train, before=before, also=also
    )
    rows = [{**row_of(c), "lineage": _made_from(c)} for c in reversed(checkpoints)]
    on_what += [ask_settings.of_all(before), *_settings(cards, chosen, ask_settings.asked_before(before), rows)]
    measures = [html.H2("Measures"), set_buttons(cards), question_list(cards, chosen)]
    columns = [
        html.Section([html.H2("Checkpoints"), _who(rows, _members(rows, before, start))], className="column"),
        html.Section(on_what, className="column"),
        html.Section(measures, className="column wide"),
    ]
    told = strangers(rows, start)
    if start.like and before is None:
        told = f"There is no comparison {start.like[:20]} to begin with; this is a new one. {told}"
    return html.Div(
        [html.H1("New comparison"), trouble(told) if told else None, _asked(), html.Div(columns, className="columns")],
        className="compare",
    )


def _settings(cards: list[Card], chosen: list[str], typed: ask_settings.Settings, rows: list[dict[str, Any]]) -> Any:
    """The parameters of the measures that are chosen, and what was typed for those that were chosen before."""
    forms = ask_settings.of_measures([c for c in cards if c.slug in chosen], typed, _named(rows))
    return [html.Div(forms, id="ask-settings"), dcc.Store(id="ask-typed", data=typed)]


def _named(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{"value": str(row["id"]), "label": row["name"]} for row in rows]


def strangers(rows: list[dict[str, Any]], start: Start) -> str:
    """What to say of checkpoints that an address names and that are not there; nothing where all are."""
    known = {str(row["id"]) for row in rows}
    unknown = [one for one in start.checkpoints.split(",") if one and one not in known]
    if not unknown:
        return ""
    some = ", ".join(one[:20] for one in unknown[:5]) + (" …" if len(unknown) > 5 else "")
    return (
        f"The address names {counted(len(unknown), 'checkpoints')} that this project does not have, or that are not "
        f"ready ({some}); the others are chosen."
    )


def _made_from(checkpoint: Checkpoint) -> str:
    """Its relatives in a few words."""
    run = checkpoint.run and f"run {checkpoint.run}" + ("" if checkpoint.step is None else f", step {checkpoint.step}")
    named = (("copy of", checkpoint.parent), ("student of", checkpoint.teacher), ("starts like", checkpoint.init_of))
    return "; ".join([*(f"{how} {name}" for how, name in named if name), *([run] if run else [])])


def choices_of(probes: list[Probe]) -> list[dict[str, str]]:
    """Probe sets to choose from."""
    return [{"value": str(p.id), "label": f"{p.name} ({p.samples})"} for p in probes]


def layers_of(checkpoints: list[Checkpoint]) -> list[str]:
    """Every layer that one of the checkpoints has."""
    return list(dict.fromkeys(layer for c in checkpoints for layer in c.layers))


def _asked() -> Any:
    """What is asked for so far, what that costs, and what is wrong with it; always in sight."""
    first = [
        html.Span(id="ask-count"),
        html.Div(id="ask-plan", className="quiet plan"),
        dmc.Button("Run", id="ask-run", size="sm"),
    ]
    below = [html.Div(id="ask-chips", className="chips"), html.Div(id="ask-trouble", role="status")]
    return html.Div([html.Div(first, className="bar"), *below], className="asked")


def _asked_before(client: Client, like: str) -> Described | None:
    """The comparison to begin with; None where there is none of that number."""
    if not like.isdecimal() or not like.isascii():
        return None
    try:
        return client.comparison(int(like)).details
    except ClientError:
        return None


def _members(rows: list[dict[str, Any]], before: Described | None, start: Start) -> list[dict[str, Any]]:
    """Who is chosen at first: as the address says, as asked before, or all."""
    if start.checkpoints:
        wanted = set(start.checkpoints.split(","))
        return [row for row in rows if str(row["id"]) in wanted]
    if before is not None:
        return [row for row in rows if row["id"] in before.checkpoints]
    return [row for row in rows if matches(row, start.filter)]


def _on_what(
    choices: list[dict[str, str]],
    layers: list[str],
    *,
    held_out: Probe,
    train: Probe | None,
    before: Described | None,
    also: list[str],
) -> list[Any]:
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
        _also_on(choices, also),
        dmc.MultiSelect(
            id="ask-layers",
            label="Layers",
            data=["penultimate", "output", *layers],
            value=["penultimate"] if before is None else before.layers,
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
            value="mean" if before is None else before.reduction,
            allowDeselect=False,
        ),
        dmc.TextInput(id="ask-name", label="Name", placeholder="Optional"),
    ]


def _also_on(choices: list[dict[str, str]], also: list[str]) -> Any:
    return dmc.MultiSelect(
        id="ask-also",
        label="Also on",
        data=choices,
        value=also,
        searchable=True,
        description="Other probe sets, such as shifted ones: outputs and features are compared there too.",
    )


def _who(rows: list[dict[str, Any]], chosen: list[dict[str, Any]]) -> Any:
    return html.Div(
        [
            dmc.TextInput(
                id="ask-filter",
                placeholder="Filter: group:sam acc>0.9",
                description="Hides rows; who is chosen stays chosen.",
                debounce=250,
                **{"aria-label": "Filter checkpoints"},
            ),
            dag.AgGrid(
                id="ask-grid",
                rowData=rows,
                selectedRows=chosen,
                getRowId="params.data.key",
                columnDefs=WHO,
                dashGridOptions=GRID,
                style={"height": "440px"},
            ),
            dcc.Store(id="ask-rows", data=rows),
        ]
    )


def register(app: Dash, access: Access) -> None:
    """The plan below the columns, and the run button."""
    _register_filter(app, access)
    _register_asking(app, access)


def _register_filter(app: Dash, access: Access) -> None:
    @on(
        app,
        Output("ask-grid", "dashGridOptions"),
        Input("ask-filter", "value"),
        State("ask-rows", "data"),
        State("ask-grid", "dashGridOptions"),
        prevent_initial_call=True,
    )
    def filtered(text: str | None, rows: list[dict[str, Any]], options: dict[str, Any]) -> dict[str, Any]:
        return {**options, **passing(rows, text)}

    @on(
        app,
        Output("ask-measures", "value"),
        Input({"measure-set": ALL}, "n_clicks"),
        Input({"drop-measure": ALL}, "n_clicks"),
        State("ask-measures", "value"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def choose(_: Any, __: Any, chosen: list[str], path: str) -> Any:
        asked = ctx.triggered_id
        if not isinstance(asked, dict) or not any(t["value"] for t in ctx.triggered):
            return no_update
        if "drop-measure" in asked:
            return [slug for slug in chosen if slug != asked["drop-measure"]]
        cards = [*access.cards(access.client(path)).values()]
        return toggled(chosen, sets_of(cards).get(str(asked["measure-set"]), ()))

    @on(
        app,
        Output("ask-settings", "children"),
        Output("ask-typed", "data"),
        Input("ask-measures", "value"),
        State(EVERY_SETTING, "value"),
        State("ask-typed", "data"),
        State("ask-rows", "data"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def settings(
        chosen: list[str], _: Any, before: ask_settings.Settings, rows: list[dict[str, Any]], path: str
    ) -> tuple[Any, Any]:
        """Other measures have other parameters; what was typed stays, also for one that is dropped and comes back."""
        typed = {**before, **ask_settings.typed_in(ctx.states_list[0])}
        cards = access.cards(access.client(path))
        return ask_settings.of_measures([cards[s] for s in chosen if s in cards], typed, _named(rows)), typed


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
        Output("ask-chips", "children"),
        Input("ask-run", "n_clicks"),
        Input("ask-grid", "selectedRows"),
        Input("ask-measures", "value"),
        Input(EVERY_SETTING, "value"),
        *[Input(f"ask-{field}", "value") for field in FIELDS],
        State("ask-name", "value"),
        State("address", "pathname"),
    )
    def plan_or_run(
        clicks: int | None, rows: list[dict[str, Any]] | None, measures: list[str], _: Any, *rest: Any
    ) -> tuple[Any, ...]:
        *given, name, path = rest
        field = dict(zip(FIELDS, given, strict=True))
        client = access.client(path)
        cards = access.cards(client)
        asked: Asked = {
            "name": name or "",
            "checkpoints": sorted(r["id"] for r in rows or []),
            "probe": int(field["probe"]),
            "train_probe": int(field["train"]) if field["train"] else None,
            "also_on": [int(one) for one in field["also"] or ()],
            "measures": ask_settings.requests(measures, cards, ask_settings.typed_in(ctx.inputs_list[SETTINGS_AT])),
            "layers": _layers_asked(field["layers"]),
            "layer_pairs": field["pairs"],
            "reduction": field["reduction"],
            "precision": field["precision"],
            "seed": int(field["seed"] or 0),
        }
        told = (f"{len(rows or [])} chosen × {len(measures)} measures", chips(measures, cards))
        # Without a click it is named because it has just come onto the page.
        is_run = bool(clicks) and ctx.triggered_id == "ask-run"
        return (*_answer(client, int(path.split("/")[2]), asked, is_run=is_run), *told)


def _answer(client: Client, number: int, asked: Asked, *, is_run: bool) -> tuple[Any, Any, Any, Any]:
    """The plan in words, what is wrong, and the address to go to."""
    if not asked["measures"]:
        return "", trouble("Choose at least one measure."), no_update, no_update
    try:
        project = client.project_numbered(number)
        if is_run:
            return no_update, None, f"/comparison/{project.compare(**asked).id}", ""
        plan = project.plan(**asked)
        return _plan_in_words(plan), [trouble(w) for w in plan.warnings], no_update, no_update
    except ClientError as error:
        return "", trouble(str(error)), no_update, no_update


def _plan_in_words(plan: Plan) -> str:
    """How many cells a comparison would compute, and how long that takes."""
    seconds = f"; about {plan.seconds:.0f} s on one worker" if plan.counts.new else ""
    return f"{counted(plan.counts.new, 'cells')} new, {plan.counts.reused} known{seconds}"
