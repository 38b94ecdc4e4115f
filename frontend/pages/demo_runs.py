"""A study tried on networks that the server trains: asked for, watched, opened."""

from collections.abc import Mapping
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from kinscape.backend.contracts.demos import Demo, DemoState
from kinscape.client import Client, ClientError
from kinscape.frontend.access import Access
from kinscape.frontend.components.words import trouble
from kinscape.frontend.wiring import on

# A network is trained in one to three seconds.
TICK_MS = 2000


def button(template: str) -> Any:
    """Asks for the networks of a study."""
    return html.Button(
        "Try on demo networks",
        id={"study-demo": template},
        className="button small",
        title="Trains small networks for this question on the server, in a project of their own: a minute or two",
    )


def watched(demos: Mapping[str, Demo], project: int) -> list[Any]:
    """What is trained for this project, looked at again and again until its study is there."""
    here = next((d for d in demos.values() if d.project == project and d.state is DemoState.TRAINING), None)
    return [
        dcc.Store(id="demo-wanted", data=None if here is None else here.template),
        dcc.Interval(id="demo-tick", interval=TICK_MS, disabled=here is None),
        html.Div(None if here is None else _progress(here), id="demo-told", role="status"),
    ]


def register(app: Dash, access: Access) -> None:
    """Asking for a demo, and following it to its study."""

    @on(
        app,
        Output("demo-wanted", "data"),
        Output("demo-tick", "disabled"),
        Output("demo-told", "children"),
        Input({"study-demo": ALL}, "n_clicks"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def ask(_: list[int | None], path: str) -> Any:
        if not isinstance(ctx.triggered_id, dict) or not any(t["value"] for t in ctx.triggered):
            return no_update, no_update, no_update
        try:
            demo = access.client(path).try_demo(str(ctx.triggered_id["study-demo"]))
        except ClientError as error:
            return no_update, no_update, trouble(str(error))
        return demo.template, False, _progress(demo)

    @on(
        app,
        Output("address", "href", allow_duplicate=True),
        Output("demo-tick", "disabled", allow_duplicate=True),
        Output("demo-told", "children", allow_duplicate=True),
        Input("demo-tick", "n_intervals"),
        State("demo-wanted", "data"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def follow(_: int, wanted: str | None, path: str) -> Any:
        client = access.client(path)
        demo = next((d for d in client.demos() if d.template == wanted), None)
        if demo is None or demo.state is DemoState.ABSENT:
            return no_update, True, None
        if demo.state is DemoState.BROKEN:
            return no_update, True, trouble(f"The demo broke off: {demo.reason}")
        return _next(client, demo, path), no_update, _progress(demo)


def _next(client: Client, demo: Demo, path: str) -> Any:
    """Where to go: to the study as soon as it is asked, until then to the project of its networks."""
    if demo.project is None:
        return no_update
    asked = [s for s in client.project_numbered(demo.project).studies() if s.details.comparison is not None]
    of_demo = [s for s in asked if s.details.template.name == demo.template]
    if of_demo:
        return f"/study/{of_demo[0].id}"
    there = f"/projects/{demo.project}/studies"
    return no_update if path.rstrip("/") == there else there


def _progress(demo: Demo) -> Any:
    told = f"{demo.trained} of {demo.networks} are there" if demo.networks else "this takes a minute or two"
    return html.P(f"Networks for this study are trained: {told}. Its answer opens by itself.", className="demo-told")
