"""Asking for more from a comparison's page: layers of a pair, the plane of three."""

from typing import Any

from dash import Dash, Input, Output, State, no_update

from kinscape.client import ClientError
from kinscape.client.project import Asked
from kinscape.frontend.access import Access
from kinscape.frontend.components.words import trouble
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tabs.curves import plane_of
from kinscape.frontend.view import View
from kinscape.frontend.wiring import on


def register_more(app: Dash, access: Access) -> None:
    """The buttons that make a comparison of their own."""

    @on(
        app,
        Output("address", "pathname", allow_duplicate=True),
        Output("address", "search", allow_duplicate=True),
        Output("layers-trouble", "children"),
        Input("compute-layers", "n_clicks"),
        State("address", "pathname"),
        State("address", "search"),
        prevent_initial_call=True,
    )
    def compute_layers(clicks: int | None, path: str, query: str) -> tuple[Any, Any, Any]:
        if not clicks:
            return no_update, no_update, None
        page = OpenedComparison.of(access, path, query)
        a, b = page.view.a, page.view.b
        try:
            made = page.project.compare(**layers_of_pair(page, a, b))
        except ClientError as error:
            return no_update, no_update, trouble(str(error))
        return f"/comparison/{made.id}", View(tab="layers", a=a, b=b).query(), None

    @on(
        app,
        Output("address", "pathname", allow_duplicate=True),
        Output("address", "search", allow_duplicate=True),
        Output("plane-trouble", "children"),
        Input("plane-compute", "n_clicks"),
        State("plane-three", "value"),
        State("address", "pathname"),
        State("address", "search"),
        prevent_initial_call=True,
    )
    def compute_plane(clicks: int | None, three: list[str] | None, path: str, query: str) -> tuple[Any, Any, Any]:
        if not clicks:
            return no_update, no_update, None
        if len(three or []) != 3:
            return no_update, no_update, trouble("Choose three networks.")
        page = OpenedComparison.of(access, path, query)
        try:
            made = page.project.compare(**plane_of(page, [int(i) for i in three or []]))
        except ClientError as error:
            return no_update, no_update, trouble(str(error))
        return f"/comparison/{made.id}", View(tab="curves").query(), None


def layers_of_pair(page: OpenedComparison, a: int, b: int) -> Asked:
    """The request for every layer of one checkpoint against every layer of another."""
    both = [x for x in page.checkpoints[a].layers if x in page.checkpoints[b].layers]
    return {
        "name": f"Layers of {page.checkpoints[a].name} and {page.checkpoints[b].name}"[:200],
        "checkpoints": sorted((a, b)),
        "probe": page.comparison.details.probe,
        "measures": ["linear-cka"],
        "layers": both[:60],
        "layer_pairs": "all",
        "detail_of": page.comparison.id,
    }
