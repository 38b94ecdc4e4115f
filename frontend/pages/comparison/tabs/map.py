"""Models as points."""

from typing import Any

from dash import html

from kinscape.frontend.components.cards import named
from kinscape.frontend.components.words import nothing
from kinscape.frontend.figures.map import model_map
from kinscape.frontend.pages.comparison.graphs import graph
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Controls, Tab


def draw(page: OpenedComparison, scheme: str) -> Any:
    """Models as points."""
    measure = page.measure
    raw = None if measure is None else page.matrix(measure, page.layer(measure))
    if raw is None or not raw.header.places or len(raw.header.places) != len(raw.header.ids):
        return nothing("No map yet", "The map is drawn when all pairs are computed.")
    block = page.block(raw)
    figure = model_map(raw.header.places, block.labels, block.groups, ids=block.ids, scheme=scheme)
    note = "Classical scaling: distances on the map stand for the measure's, as well as two dimensions can."
    return html.Div(
        [html.H2(named(page.cards[raw.header.slug])), html.P(note, className="quiet"), graph(figure, kind="graph map")],
        className="picture full",
    )


TAB = Tab("map", "Map", 30, draw, Controls(measure=True))
