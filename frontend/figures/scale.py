"""The colour scale of a matrix with the histogram of its values."""

import numpy as np
import plotly.graph_objects as go

from kinscape.backend.contracts.cards import Card
from kinscape.frontend.figures.look import QUIET, dressed, number, scale_of, span_of

# Bars three pixels wide beside the matrix.
BINS = 40


def scale_histogram(values: list[float], card: Card, *, scheme: str, scale: str) -> go.Figure:
    """How often each colour occurs, drawn in that colour."""
    low, high = span_of(card, values, scale=scale)
    finite = [v for v in values if np.isfinite(v)]
    counts, edges = np.histogram(finite, bins=BINS, range=(low, high))
    middle = (edges[:-1] + edges[1:]) / 2
    colours = {
        "color": middle,
        "colorscale": scale_of(card, scale=scale, values=values),
        "cmin": low,
        "cmax": high,
        "line": {"width": 0},
    }
    width = (high - low) / BINS
    hover = [f"{c} cells near {number(float(m))}" for c, m in zip(counts, middle, strict=True)]
    figure = go.Figure(go.Bar(x=middle, y=counts, width=width, marker=colours, hovertext=hover, hoverinfo="text"))
    floor = -max(1.0, float(counts.max(initial=1))) * 0.16
    figure.add_trace(go.Bar(x=middle, y=[floor] * BINS, width=width, marker=colours, hoverinfo="skip"))
    ticks = [low, (low + high) / 2, high]
    dressed(
        figure,
        scheme,
        margin={"l": 26, "r": 26, "t": 2, "b": 20},
        bargap=0,
        barmode="overlay",
        xaxis={
            "range": [low, high],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "tickvals": ticks,
            "ticklabeloverflow": "allow",
            "ticktext": [number(t) for t in ticks],
            "tickfont": {"size": 11, "color": QUIET[scheme]},
        },
        yaxis={"visible": False, "fixedrange": True},
    )
    return figure
