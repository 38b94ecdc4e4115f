"""The matrix of one measure, with its scale and the measures of single models."""

from typing import Any

from dash import html

from kinscape.client import ClientError
from kinscape.frontend.components.cards import named
from kinscape.frontend.components.words import nothing, trouble
from kinscape.frontend.figures.heatmap import heatmap, top_of
from kinscape.frontend.figures.look import number
from kinscape.frontend.figures.scale import scale_histogram
from kinscape.frontend.pages.comparison.graphs import graph, still
from kinscape.frontend.pages.comparison.models_figure import MOST_BESIDE, models_figure
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.provenance import provenance
from kinscape.frontend.pages.comparison.tab import Controls, Tab
from kinscape.frontend.pages.comparison.tabs import models


def draw(page: OpenedComparison, scheme: str) -> Any:
    """The matrix with its scale, and the sharpness columns in the same order of rows."""
    measure = page.measure
    if measure is None:
        return models.draw(page, scheme)
    layer = page.layer(measure)
    try:
        raw = page.as_read(measure, layer)
    except ClientError as error:
        return nothing("This matrix cannot be read that way", str(error))
    order = page.order(raw)
    card = page.card(measure)
    block = page.block(raw).ordered(order)
    merges = raw.header.merges if page.view.order == "alike" and raw.header.order else []
    figure = heatmap(
        block, card, merges=merges, scheme=scheme, scale=page.view.scale, selected=(page.view.a, page.view.b)
    )
    parts = [
        html.Div(
            [
                html.Div(
                    [html.H2(named(card)), html.Span(card.summary, className="quiet")],
                    className="picture-head",
                ),
                graph(figure, id="matrix-graph", kind="graph square"),
                still(
                    scale_histogram(page.off_diagonal(block), card, scheme=scheme, scale=page.view.scale),
                    kind="graph scale",
                ),
                html.Div(provenance(raw.header, measure, layer), className="quiet provenance"),
                *[trouble(w) for w in raw.header.warnings[:2]],
                _accessible(block),
            ],
            className="picture",
        )
    ]
    if page.single:
        beside = models_figure(page, order, scheme, beside=top_of(tree=bool(merges)))
        more = "" if len(page.single) <= MOST_BESIDE else f"First {MOST_BESIDE} of {len(page.single)}; "
        head = [html.H2("Each model"), html.Span(f"{more}colours within a column.", className="quiet")]
        parts.append(html.Div([html.Div(head, className="picture-head"), beside], className="picture beside"))
    return html.Div(parts, className="pictures")


def _accessible(block: Any) -> Any:
    """The same numbers as a table, for those who cannot see the picture."""
    if len(block.ids) > 40:
        return html.Div(
            f"A matrix of {len(block.ids)} checkpoints; export it for the numbers.", className="visually-hidden"
        )
    head = html.Tr([html.Th("")] + [html.Th(t) for t in block.labels])
    rows = [
        html.Tr([html.Th(t)] + [html.Td(number(float(v))) for v in block.values[i]]) for i, t in enumerate(block.labels)
    ]
    return html.Div(html.Table([html.Thead(head), html.Tbody(rows)]), className="visually-hidden")


TAB = Tab("matrix", "Matrix", 10, draw, Controls(readings=True, measure=True))
