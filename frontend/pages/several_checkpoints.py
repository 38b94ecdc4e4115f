"""Several checkpoints of the library at once: compare them, group and tag them, delete them."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update

from kinscape.backend.contracts.words import listed
from kinscape.client import ClientError, Project
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import trouble
from kinscape.frontend.pages.tags import tags_of
from kinscape.frontend.wiring import on

Rows = Sequence[dict[str, Any]]
# Names that a sentence lists before it counts the rest.
NAMED = 4


def panel(rows: Rows, project: int) -> Any:
    """What can be done with the selected ones."""
    ids = ",".join(str(row["id"]) for row in rows)
    return html.Div(
        [
            html.Div(
                [
                    html.H3(f"{len(rows)} checkpoints selected"),
                    link(
                        "Compare these",
                        f"/projects/{project}/compare?{urlencode({'checkpoints': ids})}",
                        className="button primary",
                    ),
                ],
                className="bar",
            ),
            html.P(listed([row["name"] for row in rows], most=NAMED), className="quiet"),
            html.Div(
                [
                    dmc.TextInput(id="several-group", label="Group of all", placeholder="unchanged", size="xs"),
                    dmc.TextInput(id="several-tags", label="Tags to set", placeholder="optim=sgd", size="xs"),
                    dmc.Button("Save", id="several-save", size="xs"),
                    dmc.Button("Delete all", id="several-delete", size="xs", variant="default"),
                ],
                className="bar",
                **{"data-enter": "several-save"},
            ),
        ],
        className="checkpoint-panel",
    )


def _save(project: Project, rows: Rows, group: str, tags: str) -> None:
    """Give all of them a group, and tags beside those they have.

    Raises:
        ClientError: nothing was typed, or a tag cannot be read.
    """
    wanted = tags_of(tags)
    if not group and not wanted:
        raise ClientError("Type a group or tags (NAME=VALUE) to give to all of them.")
    for name, value in wanted.items():
        project.tag(name, {row["id"]: value for row in rows})
    if group:
        for row in rows:
            project.checkpoint(row["id"]).edit(group=group)


def _delete(project: Project, rows: Rows) -> Any:
    """Delete those that nothing keeps; what was done, the way back, and why others stay."""
    gone, refused = [], []
    for row in rows:
        try:
            project.checkpoint(row["id"]).delete()
            gone.append(row["id"])
        except ClientError as error:
            refused.append(trouble(str(error)))
    told = []
    if gone:
        undo = html.Button("Undo", id={"undo-several": ",".join(map(str, gone))}, className="button small")
        said = html.Span(f"{len(gone)} of {len(rows)} checkpoints were deleted.")
        told.append(html.Div([said, undo], className="bar", role="status"))
    return html.Div([*told, *refused[:NAMED]])


def register(app: Dash, access: Access) -> None:
    """The buttons of the panel, and the way back."""

    @on(
        app,
        Output("library-changed", "data", allow_duplicate=True),
        Output("checkpoint-trouble", "children", allow_duplicate=True),
        Input("several-save", "n_clicks"),
        Input("several-delete", "n_clicks"),
        State("library-shown", "data"),
        State("several-group", "value"),
        State("several-tags", "value"),
        State("address", "pathname"),
        State("library-changed", "data"),
        prevent_initial_call=True,
    )
    def change(save: int | None, delete: int | None, rows: Any, *rest: Any) -> tuple[Any, Any]:
        group, tags, path, before = rest
        if not rows or not any((save, delete)):
            return no_update, None
        project = access.client(path).project_numbered(int(path.split("/")[2]))
        if ctx.triggered_id == "several-delete":
            return (before or 0) + 1, _delete(project, rows)
        try:
            _save(project, rows, (group or "").strip(), tags or "")
        except ClientError as error:
            # Some of them may have been changed before.
            return (before or 0) + 1, trouble(str(error))
        return (before or 0) + 1, html.P(f"{len(rows)} checkpoints were changed.", className="quiet", role="status")

    @on(
        app,
        Output("library-changed", "data", allow_duplicate=True),
        Output("checkpoint-trouble", "children", allow_duplicate=True),
        Input({"undo-several": ALL}, "n_clicks"),
        State("address", "pathname"),
        State("library-changed", "data"),
        prevent_initial_call=True,
    )
    def undo(clicks: list[int | None], path: str, before: int | None) -> tuple[Any, Any]:
        asked = ctx.triggered_id
        if not isinstance(asked, dict) or not any(clicks):
            return no_update, no_update
        project = access.client(path).project_numbered(int(path.split("/")[2]))
        refused = []
        for id in str(asked["undo-several"]).split(","):
            try:
                project.restore_checkpoint(int(id))
            except (ClientError, ValueError) as error:
                refused.append(trouble(str(error)))
        return (before or 0) + 1, refused[:NAMED] or None
