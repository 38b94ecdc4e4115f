"""A comparison's page: what to look at, the picture, what is selected."""

import logging
from collections.abc import Callable
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update

from kinscape.backend.contracts.comparisons import ComparisonState, Progress
from kinscape.client import ClientError, Comparison
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import fact, state_badge, trouble
from kinscape.frontend.pages.comparison.choices import choices
from kinscape.frontend.pages.comparison.follow_ups import register_more
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.pair_numbers import pair_numbers
from kinscape.frontend.pages.comparison.tab import tabs
from kinscape.frontend.view import View
from kinscape.frontend.wiring import on

log = logging.getLogger("kinscape.frontend")


def shell(path: str) -> Any:
    """The parts of the page that are filled and refilled."""
    shared = path.startswith("/shared/")
    return html.Div(
        [
            html.Div(id="comparison-head", className="comparison-head"),
            html.Nav(id="tabs", className="picture-links", **{"aria-label": "Pictures"}),
            html.Div(
                [
                    html.Aside(id="choices", className="side left", **{"aria-label": "What to look at"}),
                    html.Section(id="picture", className="middle", **{"aria-live": "polite"}),
                    html.Aside(id="selected", className="side right", **{"aria-label": "What is selected"}),
                ],
                className="three",
            ),
            dmc.Modal(
                id="share-dialog", title="Share this view", children=[] if shared else _share_form(), opened=False
            ),
        ],
        className="comparison",
    )


def _share_form() -> list[Any]:
    return [
        html.P("The link opens exactly what you see now, read only, without an account.", className="quiet"),
        dmc.NumberInput(id="share-days", label="Days until it expires", value=30, min=1, max=3650),
        dmc.Switch(id="share-export", label="Numbers may be exported", checked=True, mt="sm"),
        dmc.Button("Make link", id="share-make", mt="md"),
        html.Div(id="share-made"),
        html.H3("Links so far"),
        html.Div(id="share-list"),
    ]


def head(page: OpenedComparison) -> Any:
    """Name, state, progress, and what can be done."""
    d = page.comparison.details
    running = d.progress.state is ComparisonState.RUNNING
    buttons = []
    if not page.is_shared:
        if running:
            buttons.append(dmc.Button("Cancel", id={"do": "cancel"}, size="xs", variant="default"))
        if d.progress.state in (ComparisonState.FAILED, ComparisonState.CANCELLED):
            buttons.append(dmc.Button("Retry", id={"do": "retry"}, size="xs", variant="default"))
        buttons.append(dmc.Button("Share", id="share-open", size="xs"))
    who = "Shared with you, read only" if page.is_shared else link(d.project_name, f"/projects/{d.project}")
    return [
        html.Div(
            [
                html.H1(d.name or f"Comparison {d.id}"),
                state_badge(d.progress.state.value),
                html.Span(f"{len(d.checkpoints)} checkpoints on {d.probe}", className="quiet"),
                html.Span(who, className="quiet"),
                html.Div(buttons, className="buttons"),
            ],
            className="bar",
        ),
        progress_line(d.progress) if running else None,
        html.Div(id="watch", **{"data-comparison": str(d.id) if running else ""}),
        *[trouble(line) for line in d.log[:3]],
    ]


def _roughly(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def progress_line(p: Progress) -> Any:
    """How far a running comparison is, in words and as a bar."""
    done, total = p.models_done + p.tiles_done, max(1, p.models + p.tiles)
    left = "" if p.seconds_left is None else f", about {_roughly(p.seconds_left)} left"
    if p.waiting:
        return trouble(p.waiting)
    words = f"{p.models_done} of {p.models} model passes, {p.tiles_done} of {p.tiles} tiles{left}"
    return html.Div(
        [dmc.Progress(value=100 * done / total, size="sm"), html.Span(words, className="quiet")], className="progress"
    )


def tab_links(page: OpenedComparison) -> Any:
    """The pictures to choose from."""
    return [
        link(
            tab.title,
            page.href(page.view.but(tab=tab.key)),
            className="picture-link here" if page.view.tab == tab.key else "picture-link",
        )
        for tab in tabs().values()
    ]


def picture(page: OpenedComparison, scheme: str) -> Any:
    """The picture of the chosen tab."""
    try:
        return tabs()[page.view.tab].draw(page, scheme)
    except ClientError:
        raise
    except Exception:
        # The head, the other tabs and what is selected stay; the log says where it broke.
        log.exception("A picture could not be drawn", extra={"tab": page.view.tab, "comparison": page.comparison.id})
        return trouble("This picture could not be drawn from these numbers. The other tabs, and the export, hold them.")


def selected(page: OpenedComparison) -> Any:
    """Every number of the selected pair, and who the two are; nothing beside a picture of its own."""
    if not tabs()[page.view.tab].controls.sides:
        return []
    a, b = page.view.a, page.view.b
    known = page.checkpoints
    if a not in known or b not in known:
        return [
            html.H3("Nothing selected"),
            html.P("Select a cell: all numbers of that pair appear here.", className="quiet"),
        ]
    parts: list[Any] = [
        html.Div(
            [
                html.H3(f"{known[a].name} · {known[b].name}"),
                link("×", page.href(page.view.but(a=0, b=0)), className="close", title="Clear the selection"),
            ],
            className="selected-head",
        ),
    ]
    apart = tabs()[page.view.tab].controls.selection
    if apart:
        parts.append(link("Open the pair", page.href(page.view.but(tab="pair")), className="button"))
    parts += reference_pair(page)
    if apart:
        parts.append(pair_numbers(page))
    for one in dict.fromkeys((a, b)):
        c = known[one]
        parts.append(html.H3(c.name))
        parts += [
            fact("Group", c.group or "none"),
            fact("Architecture", c.kind),
            fact("Parameters", f"{c.parameters:,}" if c.parameters else "–"),
            fact("Parent", c.parent or "none"),
        ]
        if c.teacher:
            parts.append(fact("Teacher", c.teacher))
        if c.tags:
            parts.append(fact("Tags", " ".join(f"{k}={v}" for k, v in c.tags.items())))
    return parts


def reference_pair(page: OpenedComparison) -> list[Any]:
    """The pair that the selected one is compared with, or the offer to pin the selected one as reference."""
    view, known = page.view, page.checkpoints
    pin = link(
        "Pin as reference",
        page.href(view.but(c=view.a, d=view.b)),
        className="button",
        title="Then select another pair: every number shows the difference with its paired interval",
    )
    if view.c not in known or view.d not in known or view.c == view.d:
        return [pin]
    against = f"{known[view.c].name} · {known[view.d].name}"
    drop = link("×", page.href(view.but(c=0, d=0)), className="close", title="Unpin")
    if (view.c, view.d) == (view.a, view.b):
        return [html.P(["Pinned. Select another pair to compare with it. ", drop], className="quiet")]
    return [html.P([f"Differences to {against} ", drop], className="quiet"), pin]


def share_list(page: OpenedComparison) -> Any:
    """Links of this comparison with last use and a way to end each."""
    rows = []
    for share in page.comparison.shares():
        state = "revoked" if share.revoked else f"until {share.expires[:10]}"
        used = f"last opened {share.last_used[:16].replace('T', ' ')}" if share.last_used else "not opened yet"
        button = (
            None
            if share.revoked
            else dmc.Button("Revoke", id={"revoke": share.id}, size="compact-xs", variant="default")
        )
        rows.append(html.Div([html.Span(f"#{share.id} {state}, {used}"), button], className="share-row"))
    return rows or html.P("None yet.", className="quiet")


def register(app: Dash, access: Access) -> None:
    """Drawing, selecting, cancelling, sharing."""
    _register_drawing(app, access)
    _register_acting(app, access)
    register_more(app, access)
    _register_sharing(app, access)


def _register_drawing(app: Dash, access: Access) -> None:
    @on(
        app,
        Output("comparison-head", "children"),
        Output("choices", "children"),
        Output("picture", "children"),
        Output("selected", "children"),
        Output("tabs", "children"),
        Input("address", "search"),
        Input("live", "data"),
        Input("scheme", "data"),
        State("address", "pathname"),
    )
    def draw(query: str, _: Any, scheme: str, path: str) -> tuple[Any, ...]:
        if not path.startswith(("/comparison/", "/shared/")):
            return (no_update,) * 5
        try:
            page = OpenedComparison.of(access, path, query)
            return head(page), choices(page), picture(page, scheme), selected(page), tab_links(page)
        except ClientError as error:
            return trouble(str(error)), None, None, None, None

    @on(
        app,
        Output("address", "search", allow_duplicate=True),
        Input("matrix-graph", "clickData"),
        State("address", "search"),
        prevent_initial_call=True,
    )
    def select(click: dict[str, Any] | None, query: str) -> Any:
        if not click:
            return no_update
        point = click["points"][0]
        x, y = str(point.get("x", "")), str(point.get("y", ""))
        if not (x.isdecimal() and y.isdecimal()) or x == y or "0" in (x, y):
            return no_update
        return View.of(query).but(a=int(y), b=int(x)).query()


def _register_acting(app: Dash, access: Access) -> None:
    @on(
        app,
        Output("live", "data", allow_duplicate=True),
        Input({"do": "cancel"}, "n_clicks"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def cancel(clicks: int | None, path: str) -> Any:
        return _act(access, path, Comparison.cancel) if clicks else no_update

    @on(
        app,
        Output("live", "data", allow_duplicate=True),
        Input({"do": "retry"}, "n_clicks"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def retry(clicks: int | None, path: str) -> Any:
        return _act(access, path, Comparison.retry) if clicks else no_update


def _act(access: Access, path: str, verb: Callable[[Comparison], None]) -> Any:
    client = access.client(path)
    try:
        verb(client.comparison(int(path.split("/")[2])))
    except ClientError:
        return no_update
    return {"acted": verb.__name__}


def _register_sharing(app: Dash, access: Access) -> None:
    @on(app, Output("share-dialog", "opened"), Input("share-open", "n_clicks"), prevent_initial_call=True)
    def open_dialog(clicks: int | None) -> Any:
        return True if clicks else no_update

    @on(
        app,
        Output("share-made", "children"),
        Output("share-list", "children"),
        Input("share-make", "n_clicks"),
        Input("share-dialog", "opened"),
        Input({"revoke": ALL}, "n_clicks"),
        State("share-days", "value"),
        State("share-export", "checked"),
        State("address", "pathname"),
        State("address", "search"),
        prevent_initial_call=True,
    )
    def share(_: Any, opened: Any, __: Any, days: Any, export: Any, path: str, query: str) -> tuple[Any, Any]:
        if not opened:
            return None, no_update
        page = OpenedComparison.of(access, path, query)
        made: Any = no_update
        if isinstance(ctx.triggered_id, dict) and any(ctx.triggered):
            _revoke(page, ctx.triggered_id["revoke"], ctx.triggered[0]["value"])
        if ctx.triggered_id == "share-make":
            try:
                link_made = page.comparison.share(
                    view=page.view.query(), expires_in_days=int(days or 30), may_export=bool(export)
                )
                made = dmc.TextInput(
                    value=link_made.url, readOnly=True, label="The link, shown once", id="share-url", mt="md"
                )
            except (ClientError, ValueError) as error:
                made = trouble(str(error))
        return made, share_list(page)


def _revoke(page: OpenedComparison, share: int, clicks: int | None) -> None:
    if clicks:
        page.client.revoke(share)
