"""The tab of training runs: every measure along their steps."""

from typing import Any

from dash import html

from kinscape.backend.contracts.comparisons import AskedMeasure
from kinscape.backend.contracts.trajectories import Against, Trajectories
from kinscape.client import ClientError
from kinscape.frontend.components.cards import named
from kinscape.frontend.components.words import nothing
from kinscape.frontend.figures import trajectories as drawing
from kinscape.frontend.pages.comparison import first_passage, spectra_over_steps
from kinscape.frontend.pages.comparison.graphs import graph
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Controls, Tab

TITLES = {
    Against.END: "to the run's last step",
    Against.START: "to the run's first step",
    Against.BEFORE: "to the step before",
    Against.OTHER: "between runs at the same step",
}
# More pictures take longer to draw than anybody looks at them.
MOST_SINGLE = 12


def draw(page: OpenedComparison, scheme: str) -> Any:
    """The chosen measure of pairs against end, start, step before and other runs; all measures of single models."""
    found = _fetched(page, page.measure) if page.measure is not None else None
    asked = page.single[:MOST_SINGLE]
    singles = [one for m in asked if (one := _fetched(page, m)) is not None]
    known = [t for t in ([found] if found else []) + singles if t.runs]
    if not known:
        return nothing(
            "No training runs here",
            "Give the checkpoints of a run its name and their steps (run and step, when uploading or in the library): "
            "then every measure is drawn along training.",
        )
    runs = known[0].runs
    steps = ", ".join(f"{drawing.name_of(runs, k)} ({len(run.steps)} steps)" for k, run in enumerate(runs))
    parts: list[Any] = [html.P(f"{steps}. Ribbons are 95 % intervals.", className="quiet")]
    if found is not None and found.runs:
        parts += [html.H2(named(page.cards[found.slug])), html.Div(_pairs(found, scheme), className="curves along")]
        parts.append(html.P(found.sentence, className="quiet") if found.sentence else None)
    if singles:
        left_out = len(page.single) - len(singles)
        parts += [
            html.H2("Measures of single models"),
            html.Div(_singles(page, singles, scheme), className="curves along"),
        ]
        parts.append(html.P(f"{left_out} more are not drawn.", className="quiet") if left_out > 0 else None)
    parts.append(first_passage.form(page))
    parts += spectra_over_steps.sections(page, runs, scheme)
    return html.Div(parts, className="picture full")


def _fetched(page: OpenedComparison, measure: AskedMeasure) -> Trajectories | None:
    layer = page.layer(measure)
    try:
        return page.comparison.trajectories(measure.key, layer=layer)
    except ClientError:
        return None


def _pairs(found: Trajectories, scheme: str) -> list[Any]:
    out = []
    for against, title in TITLES.items():
        lines = [line for line in found.lines if line.against is against]
        if any(v is not None for line in lines for v in line.values):
            figure = drawing.lines(found.runs, lines, scheme=scheme, legend=True)
            out.append(html.Section([html.H3(title), graph(figure)], className="curve"))
    return out


def _singles(page: OpenedComparison, found: list[Trajectories], scheme: str) -> list[Any]:
    out: list[Any] = []
    for one in found:
        if any(v is not None for line in one.lines for v in line.values):
            # The first picture names the runs for all of them.
            figure = drawing.lines(one.runs, one.lines, scheme=scheme, legend=not out)
            title = [named(page.cards[one.slug]), f" · {one.layer}" if one.layer else ""]
            out.append(html.Section([html.H3(title), graph(figure)], className="curve"))
    return out


TAB = Tab("trajectories", "Over training", 75, draw, Controls(measure=True, selection=False))
