"""Layer against layer."""

import numpy as np
import plotly.graph_objects as go

from kinscape.backend.contracts.cards import Card
from kinscape.backend.contracts.words import number
from kinscape.frontend.figures.look import Floats, dressed, margin, safe, scale_of, short, span_of


def layer_heatmap(values: Floats, layers: list[str], card: Card, *, names: tuple[str, str], scheme: str) -> go.Figure:
    """Every layer of one model (rows) against every layer of another (columns)."""
    low, high = span_of(card, values.ravel().tolist())
    texts = [
        [
            f"{safe(names[0])} {safe(a)}<br>{safe(names[1])} {safe(b)}<br>{number(float(values[i, j]))}"
            for j, b in enumerate(layers)
        ]
        for i, a in enumerate(layers)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32),
            x=layers,
            y=layers,
            zmin=low,
            zmax=high,
            colorscale=scale_of(card),
            showscale=False,
            hovertext=texts,
            hoverinfo="text",
            xgap=1,
            ygap=1,
        )
    )
    axis = {
        "type": "category",
        "showgrid": False,
        "zeroline": False,
        "tickmode": "array",
        "tickvals": layers,
        "ticktext": [safe(short(t)) for t in layers],
        "fixedrange": True,
        "tickfont": {"size": 11},
    }
    room = margin(layers)
    dressed(
        figure,
        scheme,
        margin={"l": room + 22, "r": 8, "t": 8, "b": room + 22},
        xaxis={**axis, "tickangle": -90, "title": {"text": safe(short(names[1]))}},
        yaxis={**axis, "title": {"text": safe(short(names[0]))}},
    )
    return figure
