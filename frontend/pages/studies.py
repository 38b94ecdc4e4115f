"""The studies of a project, and every kind of study to begin with."""

from typing import Any

from dash import html

from kinscape.backend.contracts.studies import TemplateCard
from kinscape.client import Client, Project, Study
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import nothing, state_badge


def page(client: Client, project: Project) -> Any:
    """Studies that were made, newest first, and the kinds that there are."""
    made = [_study(s) for s in project.studies()]
    if not made:
        made = [
            nothing("No studies yet", "Choose a question below: roles are filled from lineage, groups and tags.", None)
        ]
    kinds = [_kind(t, project.id) for t in client.study_templates()]
    return html.Div(
        [
            html.H1("Studies"),
            html.P(
                "A study asks one question of networks in their roles, computes only the pairs that it needs, and "
                "answers with the test that fits.",
                className="quiet",
            ),
            html.Div(made, id="study-list"),
            html.H2("New study"),
            html.Div(kinds, className="kinds"),
        ],
        className="studies",
    )


def _study(study: Study) -> Any:
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
    return html.Div(parts, className="study")


def _kind(template: TemplateCard, project: int) -> Any:
    return link(
        [html.Strong(template.title), html.Span(template.question)],
        f"/projects/{project}/studies/new?template={template.name}",
        className="kind",
    )
