"""What all figures share: paper, ink, type, colour scales, safe text."""

import html
import math
from typing import Any

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


# Ends that are nearer to one another, by their size, leave no room for forty bars between them.
ROUNDING = 1e-12


def safe(text: str) -> str:
    """A user's text as plotly may draw it: nothing in it is markup."""
    return html.escape(text, quote=False)


def scale_of(card: Card, *, scale: str = "fit", values: list[float] | None = None) -> list[list[Any]]:
    """The measure's colours: dark means alike; signed measures diverge around zero.

    By rank, every colour covers as many values as every other, so that a few far ones do not
    take all the contrast from the rest.
    """
    if scale == "rank" and card.direction is not Direction.NEAR_ZERO_IS_ALIKE:
        return _by_rank(card, values or [])
    if card.low is not None and card.low < 0 and card.direction is Direction.HIGHER_IS_ALIKE:
        return SIGNED
    if card.direction is Direction.NEAR_ZERO_IS_ALIKE:
        return SIGNED
    if card.direction in (Direction.HIGHER_IS_ALIKE, Direction.HIGHER_IS_BETTER):
        return [[1 - p, c] for p, c in reversed(CIVIDIS)]
    return CIVIDIS


def _by_rank(card: Card, values: list[float]) -> list[list[Any]]:
    ordered = sorted(v for v in values if not math.isnan(v))
    steps = [c for _, c in CIVIDIS]
    if card.direction in (Direction.HIGHER_IS_ALIKE, Direction.HIGHER_IS_BETTER):
        steps.reverse()
    if not ordered or ordered[0] == ordered[-1]:
        return [[i / (len(steps) - 1), c] for i, c in enumerate(steps)]
    low, high = ordered[0], ordered[-1]
    stops: list[list[Any]] = []
    for i, colour in enumerate(steps):
        value = ordered[round(i / (len(steps) - 1) * (len(ordered) - 1))]
        place = (value - low) / (high - low)
        stops.append([max(place, stops[-1][0]) if stops else 0.0, colour])
    stops[-1][0] = 1.0
    return stops


def span_of(card: Card, values: list[float], *, scale: str) -> tuple[float, float]:
    """Ends of the colour scale: the whole range, or from the identical value to the farthest one."""
    finite = [v for v in values if not math.isnan(v)]
    low = card.low if card.low is not None else min(finite, default=0.0)
    high = card.high if card.high is not None else max(finite, default=1.0)
    if card.direction is Direction.NEAR_ZERO_IS_ALIKE:
        most = max((abs(v) for v in finite), default=1.0) or 1.0
        return -most, most
    if scale == "rank" and finite:
        return _apart(min(finite), max(finite))
    if low < 0 and card.direction is Direction.HIGHER_IS_ALIKE:
        most = 1.0 if scale == "full" else max((abs(v) for v in finite), default=1.0) or 1.0
        return -most, most
    if scale == "fit" and finite:
        low, high = min(finite), max(finite)
    return _apart(low, high)


def _apart(low: float, high: float) -> tuple[float, float]:
    """Two ends between which colours can be told apart; values that differ by rounding alone count as equal."""
    if high - low > ROUNDING * max(abs(low), abs(high)):
        return low, high
    beside = max(0.5, abs(low) * 1e-6)
    return low - beside, high + beside


def number(value: float) -> str:
    """Three significant digits, as people write them."""
    if math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100000 or size < 0.0001:
        return f"{value:.2e}"
    digits = max(0, 3 - len(str(int(size)))) if size >= 1 else 3
    if size < 0.1:
        digits = 4
    if size < 0.01:
        digits = 5
    return f"{value:.{digits}f}"


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
