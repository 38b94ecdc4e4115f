"""Measures of single models."""

from typing import Any

from dash import html

from kinscape.frontend.components.words import nothing, trouble
from kinscape.frontend.pages.comparison.models_figure import models_figure
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Tab


def draw(page: OpenedComparison, scheme: str) -> Any:
    """Sharpness, calibration and accuracy of every model."""
    if not page.single:
        return nothing("No measures of single models", "This comparison asked about pairs only.")
    first = page.measure
    order = page.order(page.matrix(first, page.layer(first)) if first else None)
    note = "Colours compare within a column; darker is smaller where lower is better, larger everywhere else."
    return html.Div(
        [
            html.H2("Each model"),
            html.P(note, className="quiet"),
            trouble(page.mixture) if page.mixture else None,
            models_figure(page, order, scheme),
        ],
        className="picture full",
    )


TAB = Tab("models", "Models", 50, draw)
