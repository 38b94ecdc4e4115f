"""The study that a comparison answers: what was asked, and what was found."""

from typing import Any

from dash import html

from kinscape.client import ClientError
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import nothing
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Controls, Tab
from kinscape.frontend.pages.effects import answered


def draw(page: OpenedComparison, scheme: str) -> Any:
    """The question, the verdict and all effects; to its owner with a way to the study itself."""
    try:
        study = page.comparison.study()
    except ClientError as error:
        return nothing("No study", str(error))
    titles = {role.name: role.title.lower() for role in study.template.roles}
    roles = ", ".join(f"{count} {titles.get(role, role)}" for role, count in study.counts.items() if count)
    told = f"{study.template.title}: {roles}. "
    if study.registered is None:
        told += "Not preregistered."
    else:
        told += f"Preregistered {study.registered:%Y-%m-%d %H:%M} UTC"
        told += f", changed {study.changes} times since." if study.changes else ", and not changed since."
    number = page.comparison.details.study
    own = link("Open the study", f"/study/{number}", className="button") if number and not page.is_shared else None
    return html.Div(
        [
            html.H2(study.template.question),
            html.P([told, " SHA-256 ", html.Code(study.hash[:16], title=study.hash)], className="quiet"),
            own,
            *answered(study.results, study.power, study.level, scheme),
            html.H2("Pitfalls"),
            html.Ul([html.Li(p) for p in study.template.pitfalls]),
            html.P(study.template.method, className="quiet"),
        ],
        className="picture full study-answer",
    )


TAB = Tab("study", "Study", 7, draw, Controls(sides=False, selection=False))
