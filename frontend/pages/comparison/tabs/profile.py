"""Models by layers."""

from typing import Any

from dash import html

from kinscape.backend.contracts.comparisons import AskedMeasure
from kinscape.client import ClientError
from kinscape.frontend.components.cards import named
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import nothing
from kinscape.frontend.figures import surfaces
from kinscape.frontend.pages.comparison.graphs import graph
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Controls, Tab

# Pixels of a row: one line of text.
ROW = 26
# Before the name of a selected checkpoint.
MARK = "▸"


def draw(page: OpenedComparison, scheme: str) -> Any:
    """Models by layers for the chosen measure of single models."""
    found = None
    with_layers = []
    for measure in page.single:
        try:
            table = page.comparison.profile(measure.key)
        except ClientError:
            continue
        with_layers.append(measure)
        if found is None or measure.key == page.view.single:
            found = table
    if found is None:
        return nothing(
            "No tables of layers",
            "Ask for measures that have one: trace by layer, relative flatness of all layers, layer reset, or any "
            "measure of the weights.",
        )
    card = page.cards[found.slug]
    order = page.order()
    values, halves = found.values.array()[order], found.half_widths.array()[order]
    chosen = page.selected()
    labels = [f"{MARK} {found.labels[k]}" if found.ids[k] in chosen else found.labels[k] for k in order]
    figure = surfaces.profile(values, halves, labels, found.layers, scheme=scheme)
    height = {"height": f"{190 + ROW * len(labels)}px", "minWidth": f"{220 + 62 * len(found.layers)}px"}
    note = f"{card.summary} Colours compare within a column: darker is larger."
    return html.Div(
        [
            html.Div([_chip(page, m, here=m.key == found.measure) for m in with_layers], className="chips"),
            html.H2(named(card)),
            html.P(note, className="quiet"),
            html.Div(html.Div(graph(figure, kind="graph filled"), style=height), className="scroll"),
        ],
        className="picture full",
    )


def _chip(page: OpenedComparison, measure: AskedMeasure, *, here: bool) -> Any:
    view = page.view.but(single=measure.key)
    return link(named(page.cards[measure.slug]), page.href(view), className="chip here" if here else "chip")


TAB = Tab("profile", "By layer", 70, draw, Controls(sides=False))
