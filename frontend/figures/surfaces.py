"""Numbers over two axes: loss on a plane, accuracy by corruption, models by layer, measure by measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from kinscape.backend.contracts.words import number
from kinscape.frontend.figures.curves import Curve, framed
from kinscape.frontend.figures.look import (
    ALONE,
    CIVIDIS,
    COLUMN,
    GROUPS,
    INK,
    PAPER,
    SIGNED,
    Floats,
    both_ends,
    dressed,
    margin,
    safe,
    short,
)

# Contours that can still be told apart.
LEVELS = 14
LINES = "rgba(255,255,255,0.35)"
# A p above this leaves nothing of what it belongs to.
BELIEVED = 0.05


def _square(curve: Curve, name: str) -> tuple[Floats, Floats, Floats]:
    """Axes and grid of a table that goes along x first."""
    x, y = np.unique(curve.column("x")), np.unique(curve.column("y"))
    return x, y, curve.column(name).reshape(len(y), len(x))


def _contour(x: Floats, y: Floats, loss: Floats) -> go.Contour:
    """Loss in steps of equal ratio: near a minimum it spans orders of magnitude."""
    shown = np.log10(np.clip(loss, 1e-12, None))
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    ticks = np.linspace(low, high, 5)
    return go.Contour(
        x=x,
        y=y,
        z=shown,
        customdata=loss,
        colorscale=CIVIDIS,
        line={"width": 0.6, "color": LINES},
        contours={"start": low, "end": high, "size": max(high - low, 1e-9) / LEVELS},
        colorbar={
            "thickness": 10,
            "outlinewidth": 0,
            "tickvals": ticks,
            "tickfont": {"size": 11},
            "ticktext": [number(float(10**t)) for t in ticks],
            "title": {"text": "loss", "font": {"size": 11}},
        },
        hovertemplate="loss %{customdata:.4g}<extra></extra>",
    )


def surface(curve: Curve, *, scheme: str) -> go.Figure:
    """Loss around a network; the network itself is in the middle."""
    x, y, loss = _square(curve, "loss")
    figure = go.Figure(_contour(x, y, loss.T))
    figure.add_scatter(
        x=[0], y=[0], mode="markers", marker={"symbol": "x", "size": 8, "color": "#fff"}, hoverinfo="skip"
    )
    framed(figure, scheme, x="first direction", y="second direction")
    figure.update_yaxes(scaleanchor="x", scaleratio=1, constrain="domain")
    figure.update_xaxes(constrain="domain")
    return figure


@dataclass(frozen=True)
class PlanePoint:
    """A network on the plane of three.

    Attributes:
        x, y: of its nearest point there.
        distance: from the plane, in length of weights.
        is_corner: whether it is one of the three.
        run, step: where it stands along training, if it does.
    """

    name: str
    x: float
    y: float
    distance: float
    is_corner: bool
    run: str = ""
    step: int | None = None


def plane(curve: Curve, points: Sequence[PlanePoint], *, scheme: str) -> go.Figure:
    """Loss on the plane of three networks, with every network at its nearest point."""
    figure = go.Figure(_contour(*_square(curve, "loss")))
    for name, along in _paths(points).items():
        figure.add_scatter(
            x=[p.x for p in along],
            y=[p.y for p in along],
            mode="lines",
            line={"color": GROUPS[1], "width": 1.5},
            opacity=0.7,
            hoverinfo="skip",
            name=safe(short(name)),
        )
    for is_corner in (False, True):
        chosen = [p for p in points if p.is_corner is is_corner]
        figure.add_scatter(
            x=[p.x for p in chosen],
            y=[p.y for p in chosen],
            mode="markers+text" if is_corner else "markers",
            text=[safe(short(p.name)) for p in chosen],
            textposition="top center",
            textfont={"color": "#fff", "size": 11},
            marker={
                "size": 10 if is_corner else 7,
                "color": "#fff" if is_corner else GROUPS[1],
                "symbol": "circle" if is_corner else "circle-open",
                "line": {"width": 1.5},
            },
            customdata=[[safe(p.name), number(p.distance)] for p in chosen],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]} from the plane<extra></extra>",
        )
    framed(figure, scheme, x="in the plane (length of weights)", y="")
    figure.update_yaxes(scaleanchor="x", scaleratio=1, constrain="domain")
    figure.update_xaxes(constrain="domain")
    return figure


def _paths(points: Sequence[PlanePoint]) -> dict[str, list[PlanePoint]]:
    """The steps of each run in their order, of runs with two or more."""
    runs: dict[str, list[PlanePoint]] = {}
    for point in points:
        if point.run and point.step is not None:
            runs.setdefault(point.run, []).append(point)
    return {name: sorted(of, key=lambda p: p.step or 0) for name, of in runs.items() if len(of) > 1}


def corruption(curve: Curve, *, scheme: str) -> go.Figure:
    """Accuracy of one model by kind of corruption and severity."""
    kinds = list(dict.fromkeys(str(k) for k in curve.series["corruption"]))
    grid = curve.column("accuracy").reshape(len(kinds), -1)
    halves = curve.column("half_width").reshape(grid.shape)
    figure = go.Figure(
        go.Heatmap(
            z=grid,
            x=[str(k + 1) for k in range(grid.shape[1])],
            y=kinds,
            zmin=0,
            zmax=1,
            colorscale=[[1 - p, c] for p, c in reversed(CIVIDIS)],
            showscale=False,
            xgap=1,
            ygap=1,
            text=[[f"{v:.2f}" for v in row] for row in grid],
            texttemplate="%{text}",
            customdata=halves,
            hovertemplate="%{y}, severity %{x}<br>accuracy %{z:.3f} ± %{customdata:.3f}<extra></extra>",
        )
    )
    framed(figure, scheme, x="severity", y="")
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    figure.update_xaxes(showgrid=False)
    return figure


def profile(values: Floats, halves: Floats, models: list[str], layers: list[str], *, scheme: str) -> go.Figure:
    """Models by layers; colours compare within a column, by rank."""
    ranks = np.full(values.shape, np.nan)
    for j in range(values.shape[1]):
        known = np.isfinite(values[:, j])
        order = values[known, j].argsort().argsort()
        ranks[known, j] = order / max(1, known.sum() - 1)
    texts = [
        [
            f"<b>{safe(m)}</b><br>{safe(layer)}<br>{number(float(values[i, j]))}"
            + (f" ± {number(float(halves[i, j]))}" if np.isfinite(halves[i, j]) else "")
            for j, layer in enumerate(layers)
        ]
        for i, m in enumerate(models)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=ranks,
            x=layers,
            y=models,
            zmin=0,
            zmax=1,
            colorscale=COLUMN,
            showscale=False,
            xgap=1,
            ygap=1,
            text=[[number(float(v)) for v in row] for row in values] if len(layers) <= 16 else None,
            texttemplate="%{text}" if len(layers) <= 16 else None,
            textfont={"size": 11, "color": INK["light"]},
            hovertext=texts,
            hoverinfo="text",
        )
    )
    _named_axes(figure, models, layers, scheme)
    return figure


def agreement(values: Floats, p: Floats, q: Floats, names: list[str], *, scheme: str) -> go.Figure:
    """How far every two measures tell the same; a cross where correction leaves nothing of it."""
    shown = values.copy()
    np.fill_diagonal(shown, np.nan)
    texts = [
        [
            f"<b>{safe(a)}</b><br><b>{safe(b)}</b><br>ρ = {number(float(values[i, j]))}"
            f"<br>p = {number(float(p[i, j]))}, adjusted {number(float(q[i, j]))}"
            if i != j
            else f"<b>{safe(a)}</b>"
            for j, b in enumerate(names)
        ]
        for i, a in enumerate(names)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=shown,
            x=names,
            y=names,
            zmin=-1,
            zmax=1,
            colorscale=SIGNED,
            colorbar={"title": {"text": "ρ"}, "thickness": 10, "len": 1, "outlinewidth": 0, "tickvals": [-1, 0, 1]},
            xgap=1,
            ygap=1,
            hovertext=texts,
            hoverinfo="text",
            text=np.where(q >= BELIEVED, "×", ""),
            texttemplate="%{text}",
            textfont={"size": 9, "color": INK["light"]},
        )
    )
    _named_axes(figure, names, names, scheme)
    return figure


def _named_axes(figure: go.Figure, rows: list[str], columns: list[str], scheme: str) -> None:
    axis = {
        "type": "category",
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "tickmode": "array",
        "fixedrange": True,
        "tickfont": {"size": 11},
    }
    dressed(
        figure,
        scheme,
        margin={"l": margin(rows), "r": 8, "t": min(160, margin(columns)), "b": 8},
        xaxis={
            **axis,
            "tickvals": columns,
            "ticktext": [safe(both_ends(t)) for t in columns],
            "side": "top",
            "tickangle": -40,
        },
        yaxis={**axis, "tickvals": rows, "ticktext": [safe(both_ends(t)) for t in rows], "autorange": "reversed"},
        plot_bgcolor=PAPER[scheme],
    )


def scatter(
    x: Floats,
    y: Floats,
    names: Sequence[str],
    groups: tuple[Sequence[str], Mapping[str, str]],
    *,
    titles: tuple[str, str],
    scheme: str,
) -> go.Figure:
    """Independent models by two numbers, in the colours of their groups.

    Args:
        groups: the group of each model, and the colour of each group.
    """
    of_model, colours = groups
    figure = go.Figure()
    for kind in dict.fromkeys(of_model):
        rows = [i for i, g in enumerate(of_model) if g == kind]
        figure.add_scatter(
            x=x[rows],
            y=y[rows],
            mode="markers",
            name=safe(kind or "no group"),
            text=[safe(names[i]) for i in rows],
            marker={"size": 9, "color": colours.get(kind, ALONE), "line": {"width": 1, "color": PAPER[scheme]}},
            hovertemplate=f"<b>%{{text}}</b><br>{safe(kind or 'no group')}<br>%{{x:.4g}}, %{{y:.4g}}<extra></extra>",
        )
    framed(figure, scheme, x=safe(titles[0]), y=safe(titles[1]))
    return figure
