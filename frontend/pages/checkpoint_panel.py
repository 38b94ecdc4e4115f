"""The selected checkpoint of the library: what it is, and what can be changed."""

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, html, no_update

from kinscape.backend.contracts.checkpoints import Checkpoint as Described
from kinscape.backend.contracts.checkpoints import Level
from kinscape.client import Checkpoint, ClientError, Project
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import fact, kind_badge, notes_field, state_badge, trouble
from kinscape.frontend.pages import operations, several_checkpoints
from kinscape.frontend.pages.tags import tags_of
from kinscape.frontend.wiring import on

Rows = list[dict[str, Any]]
OPENS = {
    Level.WEIGHTS: "norms, spectra, pruning and distances of weights",
    Level.RECORDED: "everything about outputs and features of its probe set",
    Level.PROGRAM: "everything",
    Level.NETWORK: "everything",
}
RELATIVES = ("parent", "init_of", "teacher")
LABELS = {
    "name": "Name",
    "group": "Group",
    "tags": "Tags",
    "parent": "Parent (copied from)",
    "init_of": "Starts like",
    "teacher": "Teacher",
    "run": "Run",
    "step": "Step",
    "notes": "Notes",
}
HINTS = {
    "group": "seeds",
    "tags": "seed=0 optim=sgd",
    **dict.fromkeys(RELATIVES, "name of a checkpoint"),
    "step": "1000",
}
EXPORT = """shapes = ({0: torch.export.Dim.AUTO},)
program = torch.export.export(model.eval(), (torch.randn(2, 3, 32, 32),), dynamic_shapes=shapes)
torch.export.save(program, "model.pt2")"""


def panel(checkpoint: Described) -> Any:
    """One checkpoint with its fields."""
    verdict = checkpoint.verification.verdict
    badges = [kind_badge(checkpoint.level.words)]
    if checkpoint.level is not Level.WEIGHTS:
        badges.append(state_badge(verdict.value))
    notes = [n for n in (checkpoint.reason, checkpoint.verification.sentence) if n]
    return html.Div(
        [
            html.Div(
                [
                    html.H3(link(checkpoint.name, f"/checkpoint/{checkpoint.id}", title="All that is known of it")),
                    *badges,
                ],
                className="bar",
            ),
            fact("Open to it", OPENS[checkpoint.level]),
            *[html.P(note, className="quiet") for note in notes],
            *_next_step(checkpoint),
            _proposals(checkpoint),
            html.Div(_fields(checkpoint), className="bar", **{"data-enter": "checkpoint-save"}),
            html.Div(
                [
                    dmc.Button("Save", id="checkpoint-save", size="xs"),
                    dmc.Button("Delete", id="checkpoint-delete", size="xs", variant="default"),
                ],
                className="bar",
            ),
            *operations.section(checkpoint),
        ],
        className="checkpoint-panel",
    )


def _next_step(checkpoint: Described) -> list[Any]:
    """How a checkpoint of which the weights alone are known can be run."""
    if checkpoint.level is not Level.WEIGHTS or checkpoint.proposals:
        return []
    return [html.P("As a program it can be run; upload what this writes:"), html.Pre(EXPORT, className="snippet")]


def _fields(checkpoint: Described) -> list[Any]:
    tags = " ".join(f"{k}={v}" for k, v in checkpoint.tags.items())
    values = {
        "name": checkpoint.name,
        "group": checkpoint.group,
        "tags": tags,
        **{role: getattr(checkpoint, role) or "" for role in RELATIVES},
        "run": checkpoint.run,
        "step": "" if checkpoint.step is None else str(checkpoint.step),
    }
    fields: list[Any] = [
        dmc.TextInput(
            id=f"checkpoint-{name}", label=LABELS[name], value=value, placeholder=HINTS.get(name, ""), size="xs"
        )
        for name, value in values.items()
    ]
    return [*fields, notes_field("checkpoint-notes", checkpoint.notes)]


def _proposals(checkpoint: Described) -> Any:
    """Every architecture that fits, to be confirmed; the button is there whether or not it is shown."""
    choices = [
        {
            "value": str(k),
            "label": f"{p.architecture}({', '.join(f'{name}={value}' for name, value in p.arguments.items())})",
        }
        for k, p in enumerate(checkpoint.proposals)
    ]
    is_open = checkpoint.level is Level.WEIGHTS and bool(choices)
    return html.Div(
        [
            dmc.Select(id="checkpoint-proposal", data=choices, value="0", label="Architecture", size="xs", w=360),
            dmc.Button("Confirm", id="checkpoint-confirm", size="xs", variant="light"),
        ],
        className="bar",
        style={} if is_open else {"display": "none"},
    )


def changes(checkpoint: Described, **fields: str) -> dict[str, Any]:
    """What was changed in the fields.

    Raises:
        ClientError: a tag or the step cannot be read.
    """
    wanted: dict[str, Any] = {name: text.strip() for name, text in fields.items()}
    wanted["tags"] = tags_of(wanted["tags"])
    step = wanted.pop("step")
    if step and not (step.isdecimal() and step.isascii()):
        raise ClientError(f"The step must be a whole number, not {step!r}.")
    if step:
        wanted["step"] = int(step)
    elif checkpoint.step is not None:
        raise ClientError("A step can be changed and not taken away; take the run away instead.")
    known = checkpoint.model_dump(include=set(wanted))
    return {k: v for k, v in wanted.items() if v != (known[k] or ("" if k in RELATIVES else known[k]))}


def _confirm(project: Project, checkpoint: Checkpoint, proposal: int) -> None:
    """Take one of the architectures that fit."""
    chosen = checkpoint.proposals[proposal]
    project.confirm(checkpoint, architecture=chosen.architecture, arguments=chosen.arguments)


def _undo(checkpoint: Checkpoint) -> Any:
    """What was done, and the way back."""
    button = html.Button("Undo", id={"undo-checkpoint": checkpoint.id}, className="button small")
    return html.Div([html.Span(f"{checkpoint.name} was deleted."), button], className="bar", role="status")


def register(app: Dash, access: Access) -> None:
    """Showing the selected checkpoint, changing it, making others from it."""
    operations.register(app, access)
    several_checkpoints.register(app, access)

    @on(
        app,
        Output("library-selected", "children"),
        Output("library-shown", "data"),
        Input("library-grid", "selectedRows"),
        Input("library-rows", "data"),
        State("library-shown", "data"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def show(selected: Rows | None, rows: Rows | None, before: Rows | None, path: str) -> tuple[Any, Any]:
        chosen = {row["id"] for row in selected or ()}
        shown = [row for row in rows or () if row["id"] in chosen]
        if shown == (before or []):
            # What is typed into the panel stays when something else in the library has changed.
            return no_update, no_update
        if len(shown) > 1:
            return several_checkpoints.panel(shown, int(path.split("/")[2])), shown
        checkpoint = _shown(access, path, shown)
        return None if checkpoint is None else panel(checkpoint), shown

    _register_changes(app, access)


def _shown(access: Access, path: str, rows: Rows | None) -> Checkpoint | None:
    """The checkpoint that the panel shows: its buttons mean this one, whichever row was clicked since."""
    if not rows:
        return None
    return access.client(path).project_numbered(int(path.split("/")[2])).checkpoint(rows[0]["id"])


def _register_changes(app: Dash, access: Access) -> None:

    @on(
        app,
        Output("library-changed", "data", allow_duplicate=True),
        Output("checkpoint-trouble", "children"),
        Input("checkpoint-save", "n_clicks"),
        Input("checkpoint-delete", "n_clicks"),
        Input("checkpoint-confirm", "n_clicks"),
        State("library-shown", "data"),
        State("address", "pathname"),
        State("library-changed", "data"),
        State("checkpoint-proposal", "value"),
        *[State(f"checkpoint-{field}", "value") for field in LABELS],
        prevent_initial_call=True,
    )
    def change(save: int | None, delete: int | None, confirm: int | None, *rest: Any) -> tuple[Any, Any]:
        rows, path, before, proposal, *fields = rest
        checkpoint = _shown(access, path, rows)
        if checkpoint is None or not any((save, delete, confirm)):
            return no_update, None
        try:
            if ctx.triggered_id == "checkpoint-delete":
                checkpoint.delete()
            elif ctx.triggered_id == "checkpoint-confirm":
                project = access.client(path).project_numbered(int(path.split("/")[2]))
                _confirm(project, checkpoint, int(proposal))
            else:
                named = dict(zip(LABELS, (f or "" for f in fields), strict=True))
                checkpoint.edit(**changes(checkpoint, **named))
        except ClientError as error:
            return no_update, trouble(str(error))
        return (before or 0) + 1, _undo(checkpoint) if ctx.triggered_id == "checkpoint-delete" else None
