"""Models by measures of single models, as a table in colours."""

from typing import Any

from dash import html

from kinscape.frontend.figures.models import models_table
from kinscape.frontend.pages.comparison.graphs import graph
from kinscape.frontend.pages.comparison.opened import OpenedComparison

# Columns that fit beside the matrix on a screen of 1440 pixels.
MOST_BESIDE = 14


def models_figure(page: OpenedComparison, order: list[int], scheme: str, *, beside: float | None = None) -> Any:
    """Models × measures of single models."""
    columns = []
    shown = page.single if beside is None else page.single[:MOST_BESIDE]
    for m in shown:
        columns.append((m.key, page.cards[m.slug], page.block(page.matrix(m, page.layer(m))).ordered(order)))
    figure = models_table(columns, scheme=scheme, beside=beside)
    if beside is not None:
        return graph(figure, kind="graph tall")
    wide = html.Div(graph(figure, kind="graph models"), style={"minWidth": f"{180 + 58 * len(columns)}px"})
    return html.Div(wide, className="scroll")
