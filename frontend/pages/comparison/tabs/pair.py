"""Two checkpoints side by side."""

from typing import Any

from dash import html

from kinscape.client import ClientError
from kinscape.frontend.components.words import nothing
from kinscape.frontend.figures.samples import picture
from kinscape.frontend.pages.comparison.linear_path import path_picture
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.pair_numbers import pair_numbers
from kinscape.frontend.pages.comparison.tab import Controls, Tab


def draw(page: OpenedComparison, scheme: str) -> Any:
    """Two checkpoints side by side: every number, what lies between them, and where they disagree."""
    a, b = page.view.a, page.view.b
    names = {i: c.name for i, c in page.checkpoints.items()}
    if a not in names or b not in names or a == b:
        return nothing("Choose a pair", "Select a cell of the matrix, then come back here.")
    return html.Div(
        [
            html.H2(f"{names[a]} and {names[b]}"),
            path_picture(page, scheme),
            pair_numbers(page),
            html.H2("Where they disagree"),
            disagreements(page, names),
        ],
        className="picture full",
    )


def disagreements(page: OpenedComparison, names: dict[int, str]) -> Any:
    """Samples to which the two give different classes."""
    a, b = page.view.a, page.view.b
    try:
        found = page.comparison.disagreements(a, b)
    except ClientError as error:
        return html.P(str(error), className="quiet")
    if not found.total:
        return html.P("They predict the same class for every sample.", className="quiet")
    if not found.samples:
        return html.P(
            f"They predict other classes at {found.total} positions, which are not listed.", className="quiet"
        )
    tiles = []
    for sample in found.samples:
        image = picture(sample.values, sample.shape)
        shown = html.Img(src=image, alt=f"sample {sample.sample}") if image else html.Span(f"#{sample.sample}")
        says = [
            html.Span(f"{names[i][:18]}: {said.predicted} ({said.confidence:.2f})")
            for i, said in ((a, sample.a), (b, sample.b))
        ]
        label = "" if sample.label is None else f"label {sample.label}"
        tiles.append(html.Figure([shown, html.Figcaption([html.Strong(label), *says])], className="sample"))
    shown_of = f"{found.total} samples; the most confident disagreements first."
    return html.Div([html.P(shown_of, className="quiet"), html.Div(tiles, className="samples")])


TAB = Tab("pair", "Pair", 100, draw, Controls(selection=False))
