"""Every layer of one checkpoint against every layer of another."""

from typing import Any

import dash_mantine_components as dmc
from dash import html

from kinscape.frontend.components.cards import named
from kinscape.frontend.components.words import nothing
from kinscape.frontend.figures.layers import layer_heatmap
from kinscape.frontend.pages.comparison.graphs import graph
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Tab


def draw(page: OpenedComparison, scheme: str) -> Any:
    """Layer against layer of the selected pair."""
    a, b = page.view.a, page.view.b
    names = {i: c.name for i, c in page.checkpoints.items()}
    if a not in names or b not in names:
        return nothing("Choose a pair", "Select a cell of the matrix: its layers are compared here.")
    crossed = [m for m in page.pairwise if any(x != y for x, y in m.layers)]
    if crossed:
        measure = crossed[0]
        low, high = min(a, b), max(a, b)
        found = page.comparison.layer_matrix(measure.key, low, high)
        figure = layer_heatmap(
            found.values.array(), found.labels, page.cards[measure.slug], names=(names[low], names[high]), scheme=scheme
        )
        return html.Div(
            [html.H2(named(page.cards[measure.slug])), graph(figure, kind="graph layers")], className="picture full"
        )
    if page.is_shared:
        return nothing("No layers here", "This comparison did not ask for layer against layer.")
    return nothing(
        "Layer against layer",
        f"{names[a]} and {names[b]}: linear CKA of every layer with every layer, as a comparison of its own.",
        dmc.Button("Compute", id="compute-layers"),
        html.Div(id="layers-trouble"),
    )


TAB = Tab("layers", "Layers", 110, draw)
