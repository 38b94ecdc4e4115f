"""The probe sets of a project: what was found in them; renaming, deleting, restoring."""

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update

from kinscape.backend.contracts.probes import Probe, ProbeRole
from kinscape.backend.contracts.uploads import State as Uploaded
from kinscape.client import Checkpoint, ClientError, Project
from kinscape.frontend.access import Access
from kinscape.frontend.components.words import first_line, kind_badge, notes_field, state_badge, trouble
from kinscape.frontend.wiring import on

# Longer ago is for the command line.
MOST_DELETED = 50


def listed(probes: list[Probe]) -> Any:
    """Probe sets with what was found in them."""
    if not probes:
        return html.P("No probe sets yet: a comparison evaluates every model on the samples of one.", className="quiet")
    return html.Div([_row(p) for p in probes])


def _row(p: Probe) -> Any:
    is_ready = p.state is Uploaded.READY
    text = f"{p.samples} samples of {'×'.join(map(str, p.shape))}, {p.classes} classes" if is_ready else p.reason
    extras = [p.reason] if p.reason and is_ready else []
    if p.duplicates:
        extras.append(f"{p.duplicates} duplicates")
    if p.constant_features:
        extras.append(f"{p.constant_features} constant features")
    return html.Div(
        [
            html.Strong(p.name),
            kind_badge(p.role),
            state_badge(p.state.value),
            html.Span(text),
            html.Span(", ".join(extras), className="quiet"),
            first_line(p.notes),
            html.Details([html.Summary("Edit"), _form(p)], className="inline-edit"),
        ],
        className="probe",
    )


def _form(p: Probe) -> Any:
    return html.Div(
        [
            dmc.TextInput(id={"probe-name": p.id}, value=p.name, label="Name", size="xs"),
            dmc.Select(
                id={"probe-role": p.id},
                value=p.role.value,
                data=[role.value for role in ProbeRole],
                label="Role",
                size="xs",
                allowDeselect=False,
            ),
            notes_field({"probe-notes": p.id}, p.notes),
            dmc.Button("Save", id={"probe-save": p.id}, size="xs"),
            dmc.Button("Delete", id={"probe-delete": p.id}, size="xs", variant="default"),
        ],
        className="bar",
        **{"data-enter": "first"},
    )


def deleted(project: Project) -> Any:
    """What was deleted of a project and can be restored; nothing where nothing was."""
    checkpoints, probes = project.deleted_checkpoints(), project.deleted_probes()
    if not checkpoints and not probes:
        return None
    rows = [*(_deleted("checkpoint", c) for c in checkpoints), *(_deleted("probe", p) for p in probes)]
    return html.Details(
        [html.Summary(f"Recently deleted ({len(rows)})"), *rows[:MOST_DELETED]], className="told", id="recently-deleted"
    )


def _deleted(kind: str, thing: Checkpoint | Probe) -> Any:
    what = "checkpoint" if isinstance(thing, Checkpoint) else "probe set"
    return html.Div(
        [
            html.Span(thing.name, className="study-name quiet"),
            html.Span(what, className="quiet"),
            html.Button("Restore", id={f"restore-{kind}": thing.id}, className="button small"),
        ],
        className="study",
    )


def register(app: Dash, access: Access) -> None:
    """Changing, deleting and restoring probe sets; restoring checkpoints."""

    @on(
        app,
        Output("library-changed", "data", allow_duplicate=True),
        Output("probe-trouble", "children"),
        Output("checkpoint-trouble", "children", allow_duplicate=True),
        Input({"probe-save": ALL}, "n_clicks"),
        Input({"probe-delete": ALL}, "n_clicks"),
        Input({"restore-probe": ALL}, "n_clicks"),
        Input({"restore-checkpoint": ALL}, "n_clicks"),
        Input({"undo-checkpoint": ALL}, "n_clicks"),
        State({"probe-name": ALL}, "value"),
        State({"probe-role": ALL}, "value"),
        State({"probe-notes": ALL}, "value"),
        State({"probe-name": ALL}, "id"),
        State("address", "pathname"),
        State("library-changed", "data"),
        prevent_initial_call=True,
    )
    def change(*given: Any) -> tuple[Any, ...]:
        names, roles, notes, ids, path, before = given[5:]
        asked = ctx.triggered_id
        # Rows that are drawn anew trigger without a click.
        if not isinstance(asked, dict) or not any(t["value"] for t in ctx.triggered):
            return no_update, no_update, no_update
        verb, number = next(iter(asked.items()))
        project = access.client(path).project_numbered(int(path.split("/")[2]))
        try:
            if verb == "probe-delete":
                project.delete_probe(number)
            elif verb == "restore-probe":
                project.restore_probe(number)
            elif verb in ("restore-checkpoint", "undo-checkpoint"):
                project.restore_checkpoint(number)
            else:
                place = [one["probe-name"] for one in ids].index(number)
                project.edit_probe(number, name=names[place], role=roles[place], notes=notes[place] or "")
        except ClientError as error:
            return no_update, trouble(str(error)), no_update
        return (before or 0) + 1, None, None
