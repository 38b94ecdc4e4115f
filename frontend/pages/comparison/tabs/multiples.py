"""Every measure as a small matrix."""

from typing import Any

from dash import html

from kinscape.client import ClientError
from kinscape.frontend.components.cards import named
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import nothing
from kinscape.frontend.figures.heatmap import miniature
from kinscape.frontend.pages.comparison.graphs import still
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Controls, Tab


def draw(page: OpenedComparison, scheme: str, *, most: int | None = None) -> Any:
    """Every measure (or the first so many) as a small matrix, all in one order."""
    first = page.measure
    if first is None:
        return nothing("No measures of pairs", "This comparison asked about single models only.")
    order = page.order(page.matrix(first, page.layer(first)))
    tiles, left_out = [], 0
    for measure in page.pairwise[:most]:
        layers: list[str | None] = [*page.layers(measure)]
        for layer in layers or [None]:
            card = page.card(measure)
            try:
                block = page.block(page.as_read(measure, layer)).ordered(order)
            except ClientError:
                left_out += 1
                continue
            view = page.view.but(tab="matrix", measure=measure.key, layer=layer or "")
            tiles.append(
                link(
                    [
                        still(miniature(block, card, scheme=scheme), kind="graph mini"),
                        html.Span(named(card), className="mini-title"),
                        html.Span(layer or "", className="quiet mini-layer"),
                    ],
                    page.href(view),
                    className="mini-link",
                )
            )
    note = f"All in the order of {page.cards[first.slug].title}. Dark means alike. Choose one to enlarge it."
    if left_out:
        note += f" {left_out} cannot be read that way and are left out."
    return html.Div([html.P(note, className="quiet"), html.Div(tiles, className="minis")])


TAB = Tab("multiples", "All measures", 20, draw, Controls(readings=True))
