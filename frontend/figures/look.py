"""What all figures share: paper, ink, type, colour scales, safe text."""

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly import colors

from kinscape.backend.contracts.cards import Card, Direction

FONT = "Inter, system-ui, -apple-system, 'Segoe UI', sans-serif"
INK = {"light": "#1d2430", "dark": "#d7dce4"}
QUIET = {"light": "#697386", "dark": "#8c96a8"}
LINE = {"light": "#dfe3ea", "dark": "#333b49"}
PAPER = {"light": "#eef0f4", "dark": "#2a313d"}
ACCENT = "#3d6fd1"
CONFIG = {
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "displayModeBar": False,
    "responsive": True,
    "scrollZoom": False,
}
CIVIDIS = [[i / 10, c] for i, c in enumerate([*colors.sequential.Cividis[:10], colors.sequential.Cividis[-1]])]
SIGNED = [
    [0.0, "#8a5a1c"],
    [0.25, "#d2b07a"],
    [0.5, "#f3f1ea"],
    [0.625, "#b9c6d6"],
    [0.75, "#7088ad"],
    [0.875, "#354f80"],
    [1.0, "#00204d"],
]
GROUPS = [
    "#4269d0",
    "#efb118",
    "#9c6b4e",
    "#6cc5b0",
    "#a463f2",
    "#ff8ab7",
    "#97bbf5",
    "#8c7a5b",
    "#3ca3b5",
    "#c9a3e8",
    "#b3884b",
    "#7a8fa6",
    "#5b5f97",
    "#d8b4a0",
]

# Columns of numbers of single models; the lighter part, on which dark text can be read.
COLUMN = [[i / 3, c] for i, c in enumerate(("#f4f5f8", "#ccd3df", "#9aa9c6", "#6d83b4"))]
# Groups of one model.
ALONE = "#9aa3b2"

Floats = npt.NDArray[np.float64]


def group_colours(groups: Sequence[str]) -> dict[str, str]:
    """The colour of each group, as the browser gives them (``groupColours`` in ``frontend/browser/colour.ts``)."""
    names = sorted(set(groups))
    several = [name for name in names if name and groups.count(name) > 1]
    coloured = several or names
    return {n: GROUPS[coloured.index(n) % len(GROUPS)] if n in coloured else ALONE for n in names}


def safe(text: str) -> str:
    """A user's text as plotly may draw it: nothing in it is markup."""
    return html.escape(text, quote=False)


def scale_of(card: Card) -> list[list[Any]]:
    """The measure's colours: dark means alike; signed measures diverge around zero."""
    if card.direction is Direction.NEAR_ZERO_IS_ALIKE or (
        card.low is not None and card.low < 0 and card.higher_is_alike
    ):
        return SIGNED
    if card.higher_is_alike:
        return [[1 - p, c] for p, c in reversed(CIVIDIS)]
    return CIVIDIS


def span_of(card: Card, values: list[float]) -> tuple[float, float]:
    """Ends of the colour scale: the range of the measure; where it has none, that of the values."""
    finite = [v for v in values if not math.isnan(v)]
    if card.direction is Direction.NEAR_ZERO_IS_ALIKE:
        most = max((abs(v) for v in finite), default=1.0) or 1.0
        return -most, most
    low = card.low if card.low is not None else min(finite, default=0.0)
    high = card.high if card.high is not None else max(finite, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def short(text: str, most: int = 24) -> str:
    """A label that fits; the whole name is in the hover text."""
    return text if len(text) <= most else text[: most - 1] + "…"


def both_ends(text: str, most: int = 24, tail: int = 9) -> str:
    """A label that fits, where names that begin alike differ at their end: by layer, by parameter."""
    return text if len(text) <= most else f"{text[: most - tail - 1]}…{text[-tail:]}"


def margin(labels: Sequence[str]) -> int:
    """Room for the longest label, in pixels."""
    return int(min(160, 14 + 6.3 * max((len(short(t)) for t in labels), default=4)))


def dressed(figure: go.Figure, scheme: str, **layout: Any) -> go.Figure:
    """A figure in the project's clothes."""
    figure.update_layout(
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        font={"family": FONT, "size": 12, "color": INK[scheme]},
        hovermode="closest",
        hoverlabel={"font": {"family": FONT, "size": 12}, "align": "left"},
        dragmode=False,
    )
    figure.update_layout(**layout)
    return figure
