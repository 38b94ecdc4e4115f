"""The map: models as points, alike ones close together."""

from collections.abc import Sequence

import plotly.graph_objects as go

from kinscape.frontend.figures.look import GROUPS, INK, LINE, dressed, safe

# A name's width and height as shares of the picture.
ROOM_X, ROOM_Y = 0.16, 0.035


def labelled(places: Sequence[Sequence[float]]) -> set[int]:
    """Points whose names do not cover those of others; the rest are named when pointed at."""
    xs, ys = [p[0] for p in places], [p[1] for p in places]
    span = max(max(xs) - min(xs), max(ys) - min(ys)) or 1.0
    kept: list[int] = []
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if all(abs(x - xs[j]) > ROOM_X * span or abs(y - ys[j]) > ROOM_Y * span for j in kept):
            kept.append(i)
    return set(kept)


def model_map(
    places: Sequence[Sequence[float]], labels: Sequence[str], groups: Sequence[str], *, ids: Sequence[int], scheme: str
) -> go.Figure:
    """Points of models, one colour per group; distances on the map stand for the measure's."""
    names = sorted(set(groups))
    shown = labelled(places)
    figure = go.Figure()
    for number, group in enumerate(names):
        mine = [i for i, g in enumerate(groups) if g == group]
        figure.add_trace(
            go.Scatter(
                x=[places[i][0] for i in mine],
                y=[places[i][1] for i in mine],
                mode="markers+text",
                text=[safe(labels[i]) if i in shown else "" for i in mine],
                textposition="top center",
                textfont={"size": 11, "color": INK[scheme]},
                customdata=[ids[i] for i in mine],
                marker={"size": 11, "color": GROUPS[number % len(GROUPS)], "line": {"width": 1, "color": LINE[scheme]}},
                hovertext=[f"<b>{safe(labels[i])}</b><br>{safe(group or 'no group')}" for i in mine],
                hoverinfo="text",
            )
        )
    axis = {"showgrid": True, "gridcolor": LINE[scheme], "zeroline": False, "showticklabels": False, "fixedrange": True}
    dressed(
        figure,
        scheme,
        margin={"l": 20, "r": 20, "t": 20, "b": 20},
        xaxis=axis,
        yaxis={**axis, "scaleanchor": "x"},
    )
    return figure
