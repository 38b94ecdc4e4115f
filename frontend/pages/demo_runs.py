"""A study tried on networks that the server trains: asked for, watched, opened."""

from collections.abc import Mapping
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from kinscape.backend.contracts.demos import Demo, DemoState
from kinscape.client import ClientError
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import trouble
from kinscape.frontend.wiring import on

# A network is trained in one to three seconds.
TICK_MS = 2000


def door(demo: Demo) -> Any:
    """The way to the study of a demo; where it was not run yet, what asks for its networks."""
    if demo.study is not None:
        return link("Open its demo", f"/study/{demo.study}", className="button small")
    return html.Button(
        "Try on demo networks",
        id={"study-demo": demo.template},
        className="button small",
        title="Trains small networks for this question on the server, in a project of their own: a minute or two",
    )


def watched(demos: Mapping[str, Demo], project: int) -> list[Any]:
    """What is trained now, looked at again and again; from the page of its own project its study opens by itself."""
    now = next((d for d in demos.values() if _is_awaited(d)), None)
    told = None if now is None else _progress(now, opens=now.project == project)
    return [
        dcc.Store(id="demo-wanted", data=now.template if now is not None and now.project == project else None),
        dcc.Interval(id="demo-tick", interval=TICK_MS, disabled=now is None),
        html.Div(told, id="demo-told", role="status"),
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
        return demo.template, False, _progress(demo, opens=True)

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
        demos = access.client(path).demos()
        demo = next((d for d in demos if d.template == wanted or (not wanted and _is_awaited(d))), None)
        if demo is None or demo.state is DemoState.ABSENT:
            return no_update, True, None
        if demo.state is DemoState.BROKEN:
            return no_update, True, trouble(f"The demo broke off: {demo.reason}")
        if demo.template != wanted:
            return no_update, no_update, _progress(demo, opens=False)
        return _next(demo, path), no_update, _progress(demo, opens=True)


def _is_awaited(demo: Demo) -> bool:
    """Whether its networks are trained and its study was not run yet: who has seen that is not taken there again."""
    return demo.state is DemoState.TRAINING and demo.study is None


def _next(demo: Demo, path: str) -> Any:
    """Where to go: to the study as soon as it is run, until then to the project of its networks."""
    if demo.study is not None:
        return f"/study/{demo.study}"
    there = f"/projects/{demo.project}/studies"
    return no_update if demo.project is None or path.rstrip("/") == there else there


def _progress(demo: Demo, *, opens: bool) -> Any:
    told = f"{demo.trained} of {demo.networks} are there" if demo.networks else "this takes a minute or two"
    if demo.networks and demo.trained == demo.networks:
        told += ", and are checked and compared as soon as workers are free"
    said = f"Networks for the study {demo.template} are trained: {told}. "
    if opens:
        return html.P(f"{said}Its answer opens by itself.", className="demo-told")
    place = link("Their project", f"/projects/{demo.project}/studies") if demo.project is not None else None
    return html.P([said, place], className="demo-told")
