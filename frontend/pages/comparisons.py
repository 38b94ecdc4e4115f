"""The comparisons of a project: opened, deleted, restored."""

from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update

from kinscape.client import ClientError, Comparison, Project
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import nothing, state_badge, trouble
from kinscape.frontend.wiring import on

# A line of a list.
MOST_OF_NOTES = 120


def page(project: Project) -> Any:
    """All comparisons of a project, newest first, and under them those that can be restored."""
    return html.Div([html.H1("Comparisons"), html.Div(_listed(project), id="comparison-list")])


def _listed(project: Project) -> Any:
    found, gone = project.comparisons(), project.deleted_comparisons()
    rows: list[Any] = [_comparison(c) for c in found]
    if not found:
        new = link("New comparison", f"/projects/{project.id}/compare", className="button primary")
        rows = [nothing("No comparisons yet", "Choose checkpoints and measures, and run the first one.", new)]
    if gone:
        rows.append(html.H2("Recently deleted"))
        rows += [_deleted(c) for c in gone]
    return rows


def _comparison(c: Comparison) -> Any:
    d = c.details
    return html.Div(
        [
            link(d.name or f"Comparison {d.id}", f"/comparison/{d.id}", className="study-name"),
            state_badge(d.progress.state.value),
            html.Span(f"{len(d.checkpoints)} checkpoints × {len(d.measures)} measures on {d.probe}", className="quiet"),
            html.Span(f"{d.counts.new} new, {d.counts.reused} known cells", className="quiet"),
            html.Span(f"{d.created:%Y-%m-%d %H:%M}", className="quiet"),
            html.Span(d.notes[:MOST_OF_NOTES], className="quiet"),
            html.Button(
                "Delete",
                id={"delete-comparison": d.id},
                className="button small",
                title="Its links close; for seven days it can be restored",
            ),
        ],
        className="study",
    )


def _deleted(c: Comparison) -> Any:
    d = c.details
    restore = html.Button("Restore", id={"restore-comparison": d.id}, className="button small")
    name = html.Span(d.name or f"Comparison {d.id}", className="study-name quiet")
    return html.Div([name, html.Span(f"{d.created:%Y-%m-%d %H:%M}", className="quiet"), restore], className="study")


def register(app: Dash, access: Access) -> None:
    """Deleting and restoring."""

    @on(
        app,
        Output("comparison-list", "children"),
        Input({"delete-comparison": ALL}, "n_clicks"),
        Input({"restore-comparison": ALL}, "n_clicks"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def put_away(_: Any, __: Any, path: str) -> Any:
        asked = ctx.triggered_id
        parts = path.strip("/").split("/")
        if not isinstance(asked, dict) or not any(t["value"] for t in ctx.triggered) or not parts[1:2]:
            return no_update
        client = access.client(path)
        try:
            verb, number = next(iter(asked.items()))
            (client.delete_comparison if verb == "delete-comparison" else client.restore_comparison)(int(number))
            return _listed(client.project_numbered(int(parts[1])))
        except ClientError as error:
            return [trouble(str(error)), *_listed(client.project_numbered(int(parts[1])))]
