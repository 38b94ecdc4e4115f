"""Making checkpoints from the selected one: pruned, quantised, reset, drawn again, mixed."""

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from kinscape.backend.contracts.checkpoints import Checkpoint, Level
from kinscape.backend.contracts.operations import OperationKind
from kinscape.client import ClientError
from kinscape.frontend.access import Access
from kinscape.frontend.components.words import trouble
from kinscape.frontend.wiring import on

WORDS = {
    OperationKind.PRUNE: "Prune (amount: share, such as 0.5)",
    OperationKind.QUANTISE: "Quantise (amount: bits, such as 8)",
    OperationKind.RESET: "Reset layers to another checkpoint's",
    OperationKind.RANDOMISE: "Draw layers again",
    OperationKind.AVERAGE: "Average with others",
    OperationKind.INTERPOLATE: "Interpolate to another (amount: 0 to 1)",
    OperationKind.MERGE: "Merge a LoRA adapter (amount: lora_alpha)",
    OperationKind.DIFFERENCE: "Difference to its base",
}
# Which number a kind of operation takes.
AMOUNTS = {
    OperationKind.PRUNE: "share",
    OperationKind.QUANTISE: "bits",
    OperationKind.INTERPOLATE: "at",
    OperationKind.MERGE: "alpha",
}
LAYERED = (OperationKind.RESET, OperationKind.RANDOMISE)


def section(checkpoint: Checkpoint) -> list[Any]:
    """What can be made of a checkpoint; nothing of a recording, which holds no weights."""
    if checkpoint.level is Level.RECORDED:
        return []
    kinds = [{"value": k.value, "label": words} for k, words in WORDS.items()]
    form = [
        dmc.Select(id="make-kind", label="Operation", data=kinds, value="prune", allowDeselect=False, size="xs", w=280),
        dmc.TextInput(id="make-amount", label="Amount", value="0.5", size="xs", w=90),
        dmc.TextInput(id="make-layers", label="Layers", placeholder="features.0, classifier.2", size="xs"),
        dmc.TextInput(id="make-with", label="Other checkpoints", placeholder="names, separated by commas", size="xs"),
        dmc.TextInput(id="make-name", label="Name", value=f"{checkpoint.name} pruned", size="xs"),
        dmc.Button("Make", id="make-run", size="xs", variant="default"),
    ]
    summary = html.Summary("Make a checkpoint from this one")
    told = html.Div(id="make-told", role="status")
    fields = html.Div(form, className="bar make", **{"data-enter": "make-run"})
    return [html.Details([summary, fields, told], className="operations")]


def asked(kind: str, amount: str, layers: str, others: str) -> tuple[dict[str, Any], list[str]]:
    """The settings of an operation and the other checkpoints, from what was typed.

    Raises:
        ClientError: a number cannot be read.
    """
    settings: dict[str, Any] = {}
    if kind in AMOUNTS:
        name = AMOUNTS[OperationKind(kind)]
        try:
            settings[name] = int(amount) if name == "bits" else float(amount)
        except ValueError as error:
            raise ClientError(f"The amount must be a number ({name}), not {amount!r}.") from error
    if kind in LAYERED:
        settings["layers"] = [part.strip() for part in layers.split(",") if part.strip()]
    return settings, [part.strip() for part in others.split(",") if part.strip()]


def register(app: Dash, access: Access) -> None:
    """The button that makes one."""

    @on(
        app,
        Output("library-changed", "data", allow_duplicate=True),
        Output("make-told", "children"),
        Input("make-run", "n_clicks"),
        State("library-shown", "data"),
        State("address", "pathname"),
        State("library-changed", "data"),
        *[State(f"make-{field}", "value") for field in ("kind", "amount", "layers", "with", "name")],
        prevent_initial_call=True,
    )
    def make(clicks: int | None, rows: Any, path: str, before: int | None, *typed: str | None) -> tuple[Any, Any]:
        if not clicks or not rows:
            return no_update, None
        kind, amount, layers, others, name = (text or "" for text in typed)
        try:
            settings, beside = asked(kind, amount.strip(), layers, others)
            project = access.client(path).project_numbered(int(path.split("/")[2]))
            made = project.derive(kind, [int(rows[0]["id"]), *beside], name=name.strip(), group=kind, **settings)
        except ClientError as error:
            return no_update, trouble(str(error))
        return (before or 0) + 1, html.P(f"{made.name} is ready.", className="quiet")
