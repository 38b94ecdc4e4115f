"""Two checkpoints side by side."""

from typing import Any

from dash import html

from kinscape.frontend.components.words import nothing
from kinscape.frontend.pages.comparison.disagreements import disagreements
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


TAB = Tab("pair", "Pair", 100, draw, Controls(selection=False))
