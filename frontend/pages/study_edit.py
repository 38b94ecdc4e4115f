"""Name and notes of a study, written on its page."""

import time
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from kinscape.backend.contracts.studies import Study as Described
from kinscape.client import ClientError
from kinscape.frontend.access import Access
from kinscape.frontend.components.words import trouble
from kinscape.frontend.wiring import on

MILLISECOND = 1_000_000


def folded(d: Described) -> Any:
    """A form that opens beside the study's name."""
    form = html.Div(
        [
            dmc.TextInput(id="study-new-name", label="Name", value=d.name, size="xs"),
            dmc.Textarea(id="study-notes", label="Notes", value=d.notes, size="xs", autosize=True, minRows=2, w=420),
            dmc.Button("Save", id="study-save", size="xs"),
        ],
        className="bar",
        **{"data-enter": "study-save"},
    )
    return html.Details([html.Summary("Edit"), form], className="inline-edit")


def register(app: Dash, access: Access) -> None:
    """Save what was written; the page is drawn anew by who follows it."""

    @on(
        app,
        Output("study-tick", "n_intervals", allow_duplicate=True),
        Output("study-trouble", "children", allow_duplicate=True),
        Input("study-save", "n_clicks"),
        State("study-new-name", "value"),
        State("study-notes", "value"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def save(clicks: int | None, name: str | None, notes: str | None, path: str) -> Any:
        if not clicks:
            return no_update, no_update
        try:
            access.client(path).study(int(path.strip("/").split("/")[1])).change(name=name or "", notes=notes or "")
        except ClientError as error:
            return no_update, trouble(str(error))
        # Another number than ever before, or nobody would follow: the button begins to count anew when it is drawn.
        return time.time_ns() // MILLISECOND, None
