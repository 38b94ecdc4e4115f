"""When training runs first reach a limit: asked in the tab of training runs."""

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from kinscape.backend.contracts.trajectories import Against, Trajectories
from kinscape.client import ClientError
from kinscape.frontend.access import Access
from kinscape.frontend.components.words import trouble
from kinscape.frontend.figures.trajectories import name_of
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.wiring import on

DIRECTIONS = [{"value": "rising", "label": "at least"}, {"value": "falling", "label": "at most"}]
HELD = {
    Against.END: "against its end",
    Against.START: "against its start",
    Against.BEFORE: "against the step before",
}


def form(page: OpenedComparison) -> Any:
    """Measure, direction, limit; the table comes below."""
    measures = [*page.single, *page.pairwise]
    data = [{"value": m.key, "label": page.cards[m.slug].title + m.key.removeprefix(m.slug)} for m in measures]
    if not data:
        return None
    return html.Section(
        [
            html.H2("First passage"),
            html.Div(
                [
                    dmc.Select(
                        id="passage-measure", label="The first step at which", data=data, value=data[0]["value"]
                    ),
                    dmc.Select(id="passage-way", label="is", data=DIRECTIONS, value="rising", allowDeselect=False),
                    dmc.NumberInput(id="passage-limit", label="this number", value="", decimalScale=8, w=140),
                ],
                className="bar passage",
            ),
            html.Div(id="passage-found", role="status"),
        ]
    )


def register(app: Dash, access: Access) -> None:
    """The table for a limit that is typed."""

    @on(
        app,
        Output("passage-found", "children"),
        Input("passage-measure", "value"),
        Input("passage-way", "value"),
        Input("passage-limit", "value"),
        State("address", "pathname"),
        State("address", "search"),
        prevent_initial_call=True,
    )
    def tell(measure: str | None, way: str, limit: Any, path: str, query: str | None) -> Any:
        if not measure or not isinstance(limit, int | float):
            return None
        page = OpenedComparison.of(access, path, query)
        asked = next((m for m in (*page.single, *page.pairwise) if m.key == measure), None)
        if asked is None:
            return no_update
        try:
            found = page.comparison.trajectories(
                measure, layer=page.layer(asked), reaches=float(limit), falling=way == "falling"
            )
        except ClientError as error:
            return trouble(str(error))
        return _told(found)


def _told(found: Trajectories) -> list[Any]:
    is_held = any(one.against in HELD for one in found.passages)
    head = html.Tr([html.Th(t) for t in ("Run", "Group", *(["Held"] if is_held else []), "First step")])
    rows = [
        html.Tr(
            [
                html.Th(name_of(found.runs, one.place), scope="row"),
                html.Td(found.runs[one.place].group),
                *([html.Td(HELD.get(one.against, ""))] if is_held else []),
                html.Td(f"{one.step}" if one.step is not None else f"not by {one.watched}"),
            ]
        )
        for one in found.passages
    ]
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="numbers")
    tests = [
        html.P(
            f"{t.groups[0] or 'no group'} and {t.groups[1] or 'no group'}{_held(t.against)}: "
            f"{t.sooner + ' sooner, ' if t.sooner else ''}p = {t.p:.3g} (exact Gehan test over {t.runs[0]} and "
            f"{t.runs[1]} runs, two-sided; the smallest there is {t.smallest_p:.3g})."
        )
        for t in found.tests
    ]
    return [html.Div(table, className="scroll", tabIndex=0, role="region", **{"aria-label": "First passages"}), *tests]


def _held(against: Against) -> str:
    return f", {HELD[against]}" if against in HELD else ""
