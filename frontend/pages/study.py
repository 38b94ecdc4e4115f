"""A study's page: what was found, by which test, from whom; what was frozen, and when."""

import json
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from kinscape.backend.contracts.studies import Member, StudyState
from kinscape.backend.contracts.studies import Study as Described
from kinscape.client import Client, ClientError, Study
from kinscape.client.study import COLUMNS
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import state_badge, trouble
from kinscape.frontend.pages import study_edit
from kinscape.frontend.pages.effects import answered
from kinscape.frontend.wiring import on

# A study's numbers come in over seconds to minutes.
TICK_MS = 1500


def page(client: Client, number_of: int, *, scheme: str = "light") -> Any:
    """The whole page."""
    study = client.study(number_of)
    return html.Div(
        [
            dcc.Interval(id="study-tick", interval=TICK_MS, disabled=study.details.state is not StudyState.RUNNING),
            dcc.Store(id="study-seen", data=_stamp(study.details)),
            html.Div(_body(study, scheme), id="study-body"),
        ],
        className="one-study",
    )


def _stamp(d: Described) -> str:
    """What changes whenever the page would."""
    registered = "" if d.registration is None else d.registration.hash
    return json.dumps([d.id, d.state, d.name, d.notes, registered, len(d.changes)])


def _body(study: Study, scheme: str) -> list[Any]:
    d = study.details
    return [
        _head(d),
        html.Div(id="study-trouble", role="status"),
        html.Div(
            [
                html.Section(_answer(study, scheme), className="study-answer"),
                html.Aside([*_roles(d), *_registered(d), *_about(d)], **{"aria-label": "About this study"}),
            ],
            className="study-columns",
        ),
    ]


def _head(d: Described) -> Any:
    crumbs = [link("Studies", f"/projects/{d.project}/studies"), html.Span(d.template.title)]
    return html.Div(
        [
            html.Div(crumbs, className="crumbs quiet"),
            html.Div(
                [html.H1(d.name), state_badge(d.state.value), *_buttons(d), study_edit.folded(d)],
                className="bar study-head",
            ),
            html.P(d.template.question, className="lead"),
            html.P(d.notes, className="notes quiet") if d.notes else None,
        ]
    )


def _buttons(d: Described) -> list[Any]:
    found = []
    if d.comparison is None and d.registration is None:
        found.append(html.Button("Preregister", id={"study-do": "preregister"}, className="button"))
    if d.state in (StudyState.DRAFT, StudyState.REGISTERED):
        found.append(html.Button("Run", id={"study-do": "run"}, className="button primary"))
    if d.state in (StudyState.FAILED, StudyState.CANCELLED):
        found.append(html.Button("Run again", id={"study-do": "run"}, className="button"))
    if d.comparison is not None:
        found.append(link("Its comparison", f"/comparison/{d.comparison}", className="button"))
        found.append(html.Button("Save the table as CSV", id="study-csv", className="button"))
        found += [_table_button(d.id, kind, name) for kind, name in (("tex", "LaTeX"), ("parquet", "Parquet"))]
        found.append(dcc.Download(id="study-download"))
        bundle = f"/api/v1/studies/{d.id}/bundle"
        told = "Checkpoints, probe sets, numbers and hashes: kinscape verify, kinscape reproduce"
        found.append(html.A("Save the bundle", href=bundle, download="", className="button", title=told))
    if d.registration is None:
        found.append(html.Button("Delete", id={"study-do": "delete"}, className="button"))
    return found


def _table_button(study: int, kind: str, name: str) -> Any:
    """Saves the table in the browser (``frontend/browser/saves.tsx``)."""
    said = {"data-table": kind, "data-study": str(study), "data-columns": " ".join(COLUMNS)}
    return html.Button(name, className="button", title=f"Save the table as {name}", **said)


def _answer(study: Study, scheme: str) -> list[Any]:
    d = study.details
    power = html.P(d.power.sentence, className="quiet power")
    if d.comparison is None:
        return [html.H2("Not run yet"), html.P("Run it to see what these networks say."), power]
    return [html.H2("What was found"), *answered(study.found, d.power, d.level, scheme)]


def _roles(d: Described) -> list[Any]:
    out: list[Any] = [html.H2("Who plays which role")]
    for role in d.template.roles:
        members = d.roles.get(role.name, [])
        if not members and not role.fewest:
            continue
        summary = html.Summary([html.Strong(role.title), f" {len(members)}", _how(d.chosen_by.get(role.name, ""))])
        out.append(html.Details([summary, html.Ul([_member(m) for m in members])], className="role"))
    return out


def _how(text: str) -> Any:
    return html.Span(f", {text}" if text else "", className="quiet")


def _member(member: Member) -> Any:
    belongs = f" → {member.unit}" if member.unit and member.unit != member.name else ""
    return html.Li([member.name, html.Span(belongs, className="quiet")])


def _registered(d: Described) -> list[Any]:
    if d.registration is None:
        told = "Not preregistered: what was asked could have been chosen after seeing numbers."
        return [html.H2("Preregistration"), html.P(told, className="quiet")]
    r = d.registration
    lines = [
        html.P([f"Frozen {r.time:%Y-%m-%d %H:%M} UTC, level {r.specification.level:g}."]),
        html.P(["Hash ", html.Code(r.hash[:16], title=r.hash)], className="quiet"),
        html.P(
            "No number had been computed before."
            if not r.cells_known
            else f"{r.cells_known} of its numbers had been computed before, and may have been seen.",
            className="quiet",
        ),
        html.P(r.power.sentence, className="quiet"),
    ]
    changes = [html.Li(f"{c.time:%Y-%m-%d %H:%M}: {c.what}") for c in d.changes] + [html.Li(t) for t in d.drift]
    listed = html.Ul(changes) if changes else html.P("Nothing was changed since.", className="quiet")
    return [html.H2("Preregistration"), *lines, listed]


def _about(d: Described) -> list[Any]:
    train = f" and {d.train_probe}" if d.train_probe else ""
    also = f"; outputs and features also on {', '.join(d.also_on)}" if d.also_on else ""
    own = ", ".join(f"{first} − {second}" for first, second in d.contrasts)
    return [
        html.H2("Pitfalls"),
        html.Ul([html.Li(p) for p in d.template.pitfalls]),
        html.H2("How it was done"),
        html.P(d.template.method),
        html.P(f"Contrasts beside those of the template: {own}.", className="quiet") if own else None,
        html.P(f"On {d.probe}{train}{also}; measures: {', '.join(d.measures)}; level {d.level:g}.", className="quiet"),
        html.P(f"Source: {d.template.source}.", className="quiet"),
        html.H2("Cite and reproduce"),
        html.P(
            [
                "Its bundle holds all that the numbers depend on: ",
                html.Code("kinscape reproduce BUNDLE"),
                " computes them again.",
            ]
        ),
        html.Pre(_bibtex(d), className="citation", tabIndex=0),
    ]


def _bibtex(d: Described) -> str:
    """How a paper refers to a study."""
    time = d.created if d.registration is None else d.registration.time
    title = d.name.replace("{", "(").replace("}", ")").replace("\\", "/")
    lines = [
        f"@misc{{kinscape-{d.hash[:8]},",
        f"  title = {{{title}}},",
        f"  howpublished = {{Kinscape study, {d.template.name}}},",
        f"  note = {{SHA-256 {d.hash}}},",
        f"  year = {{{time.year}}}",
        "}",
    ]
    return "\n".join(lines)


def register(app: Dash, access: Access) -> None:
    """What the buttons do, and numbers that come in."""
    _register_buttons(app, access)
    study_edit.register(app, access)

    @on(
        app,
        Output("study-body", "children"),
        Output("study-tick", "disabled"),
        Output("study-seen", "data"),
        Input("study-tick", "n_intervals"),
        Input("scheme", "data"),
        State("study-seen", "data"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def follow(_: int, scheme: str, seen: str, path: str) -> Any:
        study = access.client(path).study(_number(path))
        stamp = _stamp(study.details)
        is_over = study.details.state is not StudyState.RUNNING
        if stamp == seen and ctx.triggered_id != "scheme":
            return no_update, is_over, no_update
        return _body(study, scheme), is_over, stamp


def _register_buttons(app: Dash, access: Access) -> None:
    @on(
        app,
        Output("study-body", "children", allow_duplicate=True),
        Output("study-tick", "disabled", allow_duplicate=True),
        Output("study-seen", "data", allow_duplicate=True),
        Output("study-trouble", "children"),
        Output("address", "href", allow_duplicate=True),
        Input({"study-do": ALL}, "n_clicks"),
        State("scheme", "data"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def do(_: Any, scheme: str, path: str) -> Any:
        asked = ctx.triggered_id
        nothing_new = (no_update, no_update, no_update)
        if not isinstance(asked, dict) or not any(t["value"] for t in ctx.triggered):
            return *nothing_new, no_update, no_update
        study = access.client(path).study(_number(path))
        try:
            _do(study, str(asked["study-do"]))
        except ClientError as error:
            return *nothing_new, trouble(str(error)), no_update
        if asked["study-do"] == "delete":
            return *nothing_new, no_update, f"/projects/{study.details.project}/studies"
        is_over = study.details.state is not StudyState.RUNNING
        return _body(study, scheme), is_over, _stamp(study.details), no_update, no_update

    @on(
        app,
        Output("study-download", "data"),
        Input("study-csv", "n_clicks"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def save(clicks: int | None, path: str) -> Any:
        if not clicks:
            return no_update
        study = access.client(path).study(_number(path))
        return {"content": study.csv(), "filename": f"study-{study.id}.csv", "type": "text/csv"}


def _do(study: Study, what: str) -> None:
    if what == "preregister":
        study.preregister()
    elif what == "run":
        study.run()
    elif what == "delete":
        study.delete()


def _number(path: str) -> int:
    return int(path.strip("/").split("/")[1])
