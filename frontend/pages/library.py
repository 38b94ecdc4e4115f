"""The library: checkpoints and probe sets of a project, and the place to drop files."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update

from kinscape.backend.contracts.checkpoints import Checkpoint
from kinscape.backend.contracts.filtering import misunderstood
from kinscape.backend.contracts.probes import Probe
from kinscape.backend.contracts.words import counted
from kinscape.client import ClientError, Project
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import nothing, trouble
from kinscape.frontend.pages import checkpoint_panel, groups_of_library, lineage, probe_sets
from kinscape.frontend.pages.filtered import count, passing
from kinscape.frontend.wiring import digest, on

SHORT = {"function": "params.value == null ? '' : d3.format('.3f')(params.value)"}
COLUMNS = [
    {"field": "name", "pinned": "left", "minWidth": 170, "flex": 2},
    {"field": "group", "minWidth": 110, "flex": 1},
    {"field": "tagged", "headerName": "Tags", "minWidth": 130, "flex": 1},
    {"field": "parent", "minWidth": 90, "flex": 1},
    {"field": "architecture", "minWidth": 110, "flex": 1},
    {
        "field": "parameters",
        "type": "rightAligned",
        "width": 115,
        "valueFormatter": {"function": "params.value ? d3.format(',')(params.value) : ''"},
    },
    {
        "field": "accuracy",
        "type": "rightAligned",
        "width": 100,
        "valueFormatter": SHORT,
    },
    {"field": "state", "width": 115},
    {"field": "reason", "headerName": "Note", "minWidth": 160, "flex": 2, "tooltipField": "reason"},
]
# Of a filter in an address; a longer list of sentences is folded, and is for the command line.
LONGEST_FILTER = 200
# Checkpoints that come with the page; the others come when these are drawn.
AT_FIRST = 300
FEW_TOLD, MOST_TOLD = 3, 12
GRID = {
    "theme": {
        "function": (
            "themeQuartz.withParams({fontFamily: 'inherit', fontSize: 13, wrapperBorderRadius: 6, "
            "backgroundColor: 'var(--paper)', foregroundColor: 'var(--ink)', borderColor: 'var(--line)', "
            "headerBackgroundColor: 'var(--soft)', headerTextColor: 'var(--quiet)', accentColor: 'var(--accent)', "
            "selectedRowBackgroundColor: 'var(--soft)', rowHoverColor: 'var(--soft)'})"
        )
    },
    "animateRows": False,
    "suppressCellFocus": False,
    "tabToNextCell": {"function": "leaves()"},
    "tabToNextHeader": {"function": "leaves()"},
    "rowHeight": 34,
    "headerHeight": 34,
    "tooltipShowDelay": 200,
    "enableCellTextSelection": True,
    "rowSelection": {
        "mode": "multiRow",
        "checkboxes": True,
        "headerCheckbox": True,
        "enableClickSelection": True,
        "selectAll": "filtered",
    },
    "selectionColumnDef": {"pinned": "left", "width": 44},
}


def row_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint as a row of the table."""
    return {
        "id": checkpoint.id,
        "key": str(checkpoint.id),
        "name": checkpoint.name,
        "group": checkpoint.group,
        "tags": checkpoint.tags,
        "notes": checkpoint.notes,
        "tagged": " ".join(f"{k}={v}" for k, v in checkpoint.tags.items()),
        "parent": checkpoint.parent,
        "teacher": checkpoint.teacher,
        "init_of": checkpoint.init_of,
        "architecture": checkpoint.kind,
        "parameters": checkpoint.parameters,
        "metrics": checkpoint.metrics,
        "accuracy": checkpoint.metrics.get("accuracy"),
        "state": checkpoint.state.value,
        "reason": checkpoint.reason,
        "step": checkpoint.step,
        "run": checkpoint.run,
    }


def filter_of(query: Mapping[str, str]) -> str:
    """The filter that an address names."""
    return query.get("filter", "")[:LONGEST_FILTER]


def page(project: Project, wanted: str = "") -> Any:
    """The whole page of a project's library.

    Args:
        wanted: the filter that its address names.
    """
    probes = project.probes()
    deleted = probe_sets.deleted(project)
    rows = [row_of(c) for c in project.checkpoints(newest=AT_FIRST)]
    others = project.details.checkpoints - len(rows)
    words = None if others > 0 else told(project)
    size = f"the newest {len(rows)}; {others} more are on their way" if others > 0 else _size(rows, probes, wanted)
    return html.Div(
        [
            dcc.Store(id="library-rows", data=rows),
            dcc.Store(id="library-seen", data=_seen(probe_sets.listed(probes), deleted, words)),
            html.Div(
                [
                    html.H1("Library"),
                    html.Span(
                        size,
                        className="quiet",
                        id="library-count",
                        # What asks for the others when these are drawn: ``assets/app.js``.
                        **({"data-others": str(others)} if others > 0 else {}),
                    ),
                    dmc.TextInput(
                        id="library-filter",
                        placeholder="Filter: group:sam name~pruned acc>0.9",
                        value=wanted,
                        debounce=250,
                        className="filter",
                        **{"aria-label": "Filter checkpoints"},
                    ),
                    dmc.Button("Upload files", id="choose-files", size="xs", variant="default"),
                    link("Compare", f"/projects/{project.id}/compare", className="button primary"),
                ],
                className="bar",
            ),
            html.P(project.details.notes, className="notes quiet") if project.details.notes else None,
            html.Div(id="upload-sheet", className="upload-sheet", **{"data-project": str(project.id)}),
            html.Div(words, id="library-told"),
            html.Div(None if others > 0 else groups_of_library.listed(rows, project.id), id="library-groups"),
            html.Div(None if others > 0 else lineage.picture(rows), id="library-lineage"),
            html.Div([_empty(rows), _table(rows, wanted)], id="library-body"),
            dcc.Store(id="library-shown", data=[]),
            html.Div(id="library-selected"),
            html.Div(id="checkpoint-trouble"),
            *_probe_sets(probes),
            html.Div(deleted, id="library-deleted"),
        ],
        className="library",
        id="drop-target",
        **{"data-project": str(project.id)},
    )


def _probe_sets(probes: list[Probe]) -> list[Any]:
    return [
        html.H2("Probe sets"),
        html.Div(probe_sets.listed(probes), id="probe-list"),
        html.Div(id="probe-trouble"),
        html.Div(
            [
                dmc.Button("Add scikit-learn's digits", id="add-digits", size="xs", variant="default"),
                html.Span(
                    "or drop arrays, a table, IDX files or packed class folders of images anywhere on this page",
                    className="quiet",
                ),
                html.Div(id="digits-trouble"),
            ],
            className="bar",
        ),
    ]


def _seen(*drawn: Any) -> list[str]:
    """What a page shows of the project's probe sets, of what was deleted and of what it holds twice."""
    return [digest(one) for one in drawn]


def told(project: Project) -> Any:
    """What the project holds twice; nothing where all weights are their own."""
    sentences = project.repeats().sentences
    if not sentences:
        return None
    return html.Details(
        [
            html.Summary(counted(len(sentences), "things to know about these files")),
            html.Ul([html.Li(s) for s in sentences[:MOST_TOLD]]),
            html.P(f"and {len(sentences) - MOST_TOLD} more: kinscape check", className="quiet")
            if len(sentences) > MOST_TOLD
            else None,
        ],
        className="told",
        open=len(sentences) <= FEW_TOLD,
    )


def _size(rows: list[dict[str, Any]], probes: list[Probe] | None, wanted: str | None) -> str:
    """How many checkpoints there are and are shown, and how many probe sets."""
    shown = f"{count(rows, wanted)} of " if wanted else ""
    beside = "" if probes is None else f", {counted(len(probes), 'probe sets')}"
    told = misunderstood(rows, wanted or "")
    return f"{shown}{counted(len(rows), 'checkpoints')}{beside}{' · ' if told else ''}{told[:120]}"


def _table(rows: list[dict[str, Any]], wanted: str | None = "") -> Any:
    return dag.AgGrid(
        id="library-grid",
        rowData=rows,
        columnDefs=COLUMNS,
        getRowId="params.data.key",
        defaultColDef={"sortable": True, "resizable": True},
        dashGridOptions={**GRID, **passing(rows, wanted)},
        style=_height(rows),
    )


def _height(rows: list[dict[str, Any]]) -> dict[str, str]:
    """As high as its rows; without any, the table gives its place to words."""
    if not rows:
        return {"display": "none"}
    return {"height": f"min({42 + 34 * max(3, len(rows))}px, max(360px, calc(100vh - 250px)))"}


def _empty(rows: list[dict[str, Any]]) -> Any:
    words = nothing(
        "No checkpoints yet",
        "Drop checkpoints anywhere on this page: weights in any usual file, programs of torch.export (.pt2), or what "
        "kinscape.record wrote. Or load the demo zoo: kinscape demo",
    )
    return html.Div(words, id="library-empty", hidden=bool(rows))


def register(app: Dash, access: Access) -> None:
    """Filtering, showing what was uploaded, and adding the digits."""

    @on(
        app,
        Output("library-grid", "dashGridOptions"),
        Output("library-count", "children", allow_duplicate=True),
        Input("library-filter", "value"),
        State("library-rows", "data"),
        State("library-grid", "dashGridOptions"),
        prevent_initial_call=True,
    )
    def filtered(text: str | None, rows: list[dict[str, Any]], options: dict[str, Any]) -> tuple[Any, str]:
        return {**options, **passing(rows, text)}, _size(rows, None, text)

    @on(
        app,
        Output("library-filter", "value"),
        Input("address", "search"),
        State("library-filter", "value"),
        prevent_initial_call=True,
    )
    def follow(query: str | None, before: str | None) -> Any:
        """A link within the page, or the way back, names another filter."""
        wanted = filter_of(dict(parse_qsl((query or "").lstrip("?"))))
        return no_update if wanted == (before or "") else wanted

    _register_uploads(app, access)
    _register_digits(app, access)
    checkpoint_panel.register(app, access)
    probe_sets.register(app, access)


def _register_uploads(app: Dash, access: Access) -> None:
    @on(
        app,
        Output("library-grid", "rowData"),
        Output("library-grid", "style"),
        Output("library-grid", "dashGridOptions", allow_duplicate=True),
        Output("library-empty", "hidden"),
        Output("library-rows", "data"),
        Output("probe-list", "children"),
        Output("library-count", "children"),
        Output("library-told", "children"),
        Output("library-groups", "children"),
        Output("library-lineage", "children"),
        Output("library-deleted", "children"),
        Output("library-seen", "data"),
        Input("library-changed", "data"),
        State("address", "pathname"),
        State("library-filter", "value"),
        State("library-rows", "data"),
        State("library-seen", "data"),
        prevent_initial_call=True,
    )
    def changed(
        _: int, path: str, wanted: str | None, before: list[dict[str, Any]], seen: list[str]
    ) -> tuple[Any, ...]:
        project = access.client(path).project_numbered(int(path.split("/")[2]))
        probes = project.probes()
        rows = [row_of(c) for c in project.checkpoints()]
        size = _size(rows, probes, wanted)
        # The table is patched, not drawn anew: what is selected, its order and where it was scrolled to stay.
        table: tuple[Any, ...] = (rows, _height(rows), {**GRID, **passing(rows, wanted)}, bool(rows), rows)
        overview: tuple[Any, ...] = (groups_of_library.listed(rows, project.id), lineage.picture(rows))
        if rows == before:
            table, overview = (no_update,) * len(table), (no_update,) * len(overview)
        # Lists that are drawn anew fold what a reader has opened and forget what was typed.
        drawn = (probe_sets.listed(probes), probe_sets.deleted(project), told(project))
        now = _seen(*drawn)
        sets, gone, words = (no_update if a == b else new for a, b, new in zip(now, seen, drawn, strict=True))
        return *table, sets, size, words, *overview, gone, now


def _register_digits(app: Dash, access: Access) -> None:
    @on(
        app,
        Output("library-changed", "data"),
        Output("digits-trouble", "children"),
        Input("add-digits", "n_clicks"),
        State("address", "pathname"),
        State("library-changed", "data"),
        prevent_initial_call=True,
    )
    def digits(clicks: int | None, path: str, before: int) -> tuple[Any, Any]:
        if not clicks:
            # A page that is drawn asks too; nothing of the library has changed by that.
            return no_update, no_update
        project = access.client(path).project_numbered(int(path.split("/")[2]))
        try:
            project.add_digits(name="digits-held-out", role="held-out")
            project.add_digits(name="digits-train", role="train")
        except ClientError as error:
            return before + 1, trouble(str(error))
        return before + 1, None
