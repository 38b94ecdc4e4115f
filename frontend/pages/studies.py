"""The studies of a project, and every kind of study to begin with."""

from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update

from kinscape.backend.contracts import uploads
from kinscape.backend.contracts.demos import Demo
from kinscape.backend.contracts.studies import StudyState, TemplateCard
from kinscape.client import Client, ClientError, Project, Study
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import nothing, state_badge, trouble
from kinscape.frontend.pages import demo_runs
from kinscape.frontend.pages.study_form import usual_sets
from kinscape.frontend.wiring import on

# Of more, who looks for one opens it.
MOST_TOLD = 20


def page(client: Client, project: Project) -> Any:
    """Studies that were made, newest first, and the kinds that there are."""
    made = [_study(s, is_told=k < MOST_TOLD) for k, s in enumerate(project.studies())]
    if not made:
        made = [
            nothing("No studies yet", "Choose a question below: roles are filled from lineage, groups and tags.", None)
        ]
    demos = {d.template: d for d in client.demos()}
    kinds = [_kind(t, project.id, demos.get(t.name)) for t in client.study_templates()]
    return html.Div(
        [
            html.H1("Studies"),
            html.P(
                "A study asks one question of networks in their roles, computes only the pairs that it needs, and "
                "answers with the test that fits.",
                className="quiet",
            ),
            *demo_runs.watched(demos, project.id),
            html.Div(made, id="study-list"),
            html.H2("New study"),
            html.Div(id="studies-trouble"),
            html.Div(kinds, className="kinds"),
        ],
        className="studies",
    )


def _study(study: Study, *, is_told: bool) -> Any:
    d = study.details
    networks = sum(len(some) for some in d.roles.values())
    parts = [
        link(d.name or d.template.title, f"/study/{d.id}", className="study-name"),
        state_badge(d.state.value),
        html.Span(f"{d.template.title}: {networks} networks on {d.probe}", className="quiet"),
        html.Span(f"{d.created:%Y-%m-%d %H:%M}", className="quiet"),
    ]
    if d.registration is not None:
        parts.insert(2, html.Span("preregistered", className="badge good"))
    if is_told and d.state is StudyState.DONE:
        parts.append(html.P(id={"study-told": d.id}, className="study-told"))
    return html.Div(parts, className="study")


def _first_sentence(client: Client, number: int) -> str:
    """What a study found, in a sentence; nothing where its comparison is gone."""
    try:
        return next(iter(client.study(number).verdict), "")
    except ClientError:
        return ""


def _kind(template: TemplateCard, project: int, demo: Demo | None) -> Any:
    return html.Div(
        [
            link(
                [html.Strong(template.title), html.Span(template.question)],
                f"/projects/{project}/studies/new?template={template.name}",
                className="kind",
            ),
            html.Div(
                [
                    html.Button(
                        "Run as proposed",
                        id={"study-now": template.name},
                        className="button small",
                        title="Roles from lineage, groups and tags; the template's measures; the first held-out and "
                        "train sets",
                    ),
                    None if demo is None else demo_runs.door(demo),
                ],
                className="verbs",
            ),
        ],
        className="kind-and-verb",
    )


def register(app: Dash, access: Access) -> None:
    """Running a study as the form would propose it, and what studies found, which comes after the page."""
    demo_runs.register(app, access)

    @on(app, Output({"study-told": ALL}, "children"), Input({"study-told": ALL}, "id"), State("address", "pathname"))
    def tell(ids: list[dict[str, int]], path: str) -> list[str]:
        client = access.client(path)
        return [_first_sentence(client, one["study-told"]) for one in ids]

    @on(
        app,
        Output("address", "href", allow_duplicate=True),
        Output("studies-trouble", "children"),
        Input({"study-now": ALL}, "n_clicks"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def run_now(_: list[int | None], path: str) -> tuple[Any, Any]:
        if not isinstance(ctx.triggered_id, dict) or not any(t["value"] for t in ctx.triggered):
            return no_update, no_update
        name = ctx.triggered_id["study-now"]
        try:
            project = access.client(path).project_numbered(int(path.split("/")[2]))
            probes = [p for p in project.probes() if p.state is uploads.State.READY]
            if not probes:
                return no_update, trouble("A study needs a probe set: add one in the library.")
            held_out, train = usual_sets(probes)
            made = project.study(name, probe=held_out.id, train_probe=None if train is None else train.id)
            return f"/study/{made.run().id}", None
        except ClientError as error:
            return no_update, trouble(str(error))
