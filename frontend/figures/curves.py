"""Curves behind single numbers: spectra, paths, reliability, pruning, layer resets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from kinscape.backend.contracts.words import number
from kinscape.frontend.figures.look import ACCENT, INK, LINE, QUIET, dressed, safe

SECOND = "#c77d2e"
COLOURS = (ACCENT, SECOND)
# More than a line on a screen has pixels for.
POINTS = 600
Series = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Curve:
    """What stands behind one number of one model (or pair).

    Attributes:
        name: what the reader calls it.
        series: columns of equal length.
        notes: single numbers beside them.
    """

    name: str
    series: Series
    notes: Mapping[str, Any]

    def column(self, name: str) -> np.ndarray:
        """One column as floats, NaN where there is a gap."""
        return np.array([np.nan if v is None else v for v in self.series[name]], dtype=np.float64)

    def number(self, name: str) -> float:
        """One of the single numbers."""
        return float(self.notes[name])


def axes(scheme: str, **more: Any) -> dict[str, Any]:
    """An axis in the project's clothes."""
    return {
        "gridcolor": LINE[scheme],
        "zeroline": False,
        "linecolor": LINE[scheme],
        "tickfont": {"size": 11},
        "title": {"font": {"size": 12, "color": QUIET[scheme]}},
        "fixedrange": True,
        **more,
    }


def titled(text: str) -> dict[str, Any]:
    """An axis title."""
    return {"text": text, "font": {"size": 12}}


def framed(figure: go.Figure, scheme: str, *, x: str, y: str, names: int = 1, **more: Any) -> go.Figure:
    """The figure with titled axes, and a legend when there is more than one name."""
    dressed(
        figure,
        scheme,
        margin={"l": 64, "r": 12, "t": 28 if names > 1 else 10, "b": 44},
        showlegend=names > 1,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
    )
    figure.update_xaxes(**axes(scheme), title_text=x)
    figure.update_yaxes(**axes(scheme), title_text=y)
    figure.update_layout(**more)
    return figure


def spectrum(curves: Sequence[Curve], tops: Sequence[Curve], *, scheme: str) -> go.Figure:
    """Smoothed density of eigenvalues on a logarithmic axis, the largest as stems.

    Args:
        tops: for the same models, the eigenvalues that were found one by one.
    """
    figure = go.Figure()
    nodes = np.concatenate([c.column("node") for c in curves])
    low, high = float(nodes.min()), float(nodes.max())
    width = max(high - low, 1e-12) / 120
    x = np.linspace(low - 4 * width, high + 4 * width, POINTS)
    for curve, colour in zip(curves, COLOURS, strict=False):
        shape = np.exp(-(((x[:, None] - curve.column("node")[None]) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
        y = np.maximum(shape @ curve.column("weight"), 1e-30)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": colour, "width": 1.6},
            name=safe(curve.name),
            fill="tozeroy",
            fillcolor=_faint(colour),
            hovertemplate="eigenvalue %{x:.3g}<br>density %{y:.2g}<extra></extra>",
        )
    floor, roof = 1e-7 / max(high - low, 1e-12), 3 / width
    for top, colour in zip(tops, COLOURS, strict=False):
        for value in top.column("eigenvalue"):
            figure.add_scatter(
                x=[value, value],
                y=[floor, floor * 300],
                mode="lines+markers",
                showlegend=False,
                line={"color": colour, "width": 1.5},
                marker={"size": [0, 6], "color": colour},
                hovertemplate=f"{safe(top.name)}: eigenvalue %{{x:.4g}}<extra></extra>",
            )
    framed(figure, scheme, x="eigenvalue of the Hessian", y="density (log)", names=len(curves))
    figure.update_yaxes(type="log", range=[np.log10(floor), np.log10(roof)], exponentformat="power")
    return figure


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.12)"


def path(curves: Sequence[Curve], ends: tuple[str, str], *, scheme: str) -> go.Figure:
    """Loss and accuracy along the line between two networks, barriers marked where they are highest."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.66, 0.34], vertical_spacing=0.06)
    for curve, colour in zip(curves, COLOURS, strict=False):
        share, loss = curve.column("share"), curve.column("loss")
        line = {"color": colour, "width": 2}
        figure.add_scatter(
            x=share,
            y=loss,
            mode="lines",
            line=line,
            name=safe(curve.name),
            row=1,
            col=1,
            hovertemplate="%{x:.2f}: loss %{y:.4g}<extra></extra>",
        )
        figure.add_scatter(
            x=share,
            y=curve.column("accuracy"),
            mode="lines",
            line=line,
            showlegend=False,
            row=2,
            col=1,
            hovertemplate="%{x:.2f}: accuracy %{y:.3f}<extra></extra>",
        )
        _mark_barrier(figure, curve, colour)
    framed(figure, scheme, x="", y="", names=len(curves))
    figure.update_yaxes(title_text="loss (nats)", row=1, col=1)
    figure.update_yaxes(title_text="accuracy", row=2, col=1)
    figure.update_xaxes(tickvals=[0, 0.25, 0.5, 0.75, 1], range=[-0.04, 1.04], row=2, col=1)
    figure.update_xaxes(range=[-0.04, 1.04], row=1, col=1)
    figure.update_xaxes(ticktext=[safe(ends[0]), "¼", "½", "¾", safe(ends[1])], row=2, col=1)
    return figure


def _mark_barrier(figure: go.Figure, curve: Curve, colour: str) -> None:
    """A dotted line from the chord to the loss where the barrier is highest, with its height."""
    at = curve.notes.get("highest_at")
    if not isinstance(at, int | float):
        return
    share, loss = curve.column("share"), curve.column("loss")
    place = int(np.abs(share - at).argmin())
    chord = loss[0] + (loss[-1] - loss[0]) * share[place]
    if loss[place] <= chord:
        return
    line = {"color": colour, "width": 1, "dash": "dot"}
    figure.add_scatter(
        x=[at, at], y=[chord, loss[place]], mode="lines", showlegend=False, hoverinfo="skip", row=1, col=1, line=line
    )
    figure.add_annotation(
        x=at,
        y=(chord + loss[place]) / 2,
        text=number(float(loss[place] - chord)),
        showarrow=False,
        xanchor="left",
        xshift=5,
        font={"size": 11, "color": colour},
        row=1,
        col=1,
    )


def slice_1d(curves: Sequence[Curve], *, scheme: str) -> go.Figure:
    """The loss along one direction; the network itself is at 0."""
    figure = go.Figure()
    for curve, colour in zip(curves, COLOURS, strict=False):
        figure.add_scatter(
            x=curve.column("step"),
            y=curve.column("loss"),
            mode="lines",
            line={"color": colour, "width": 2},
            name=safe(curve.name),
            hovertemplate="%{x:.2f}: loss %{y:.4g}<extra></extra>",
        )
    return framed(figure, scheme, x="steps in filter-normalised units", y="loss (nats)", names=len(curves))


def reliability(curves: Sequence[Curve], *, scheme: str) -> go.Figure:
    """Accuracy by confidence, with intervals, above how many there are."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.74, 0.26], vertical_spacing=0.05)
    diagonal = {"color": QUIET[scheme], "width": 1, "dash": "dot"}
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line=diagonal, hoverinfo="skip", showlegend=False, row=1, col=1
    )
    for curve, colour in zip(curves, COLOURS, strict=False):
        accuracy = curve.column("accuracy")
        samples = curve.column("samples")
        figure.add_scatter(
            x=curve.column("confidence"),
            y=accuracy,
            mode="markers+lines",
            name=safe(curve.name),
            row=1,
            col=1,
            marker={"size": 6, "color": colour},
            line={"color": colour, "width": 1},
            customdata=samples,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": curve.column("high") - accuracy,
                "arrayminus": accuracy - curve.column("low"),
                "thickness": 1,
                "width": 0,
                "color": colour,
            },
            hovertemplate="confidence %{x:.3f}<br>accuracy %{y:.3f}<br>%{customdata} samples<extra></extra>",
        )
        middle = (curve.column("lower") + curve.column("upper")) / 2
        figure.add_bar(
            x=middle,
            y=samples,
            marker={"color": colour, "opacity": 0.55},
            showlegend=False,
            row=2,
            col=1,
            hovertemplate="%{y} samples<extra></extra>",
        )
    framed(figure, scheme, x="", y="", names=len(curves), bargap=0.1)
    figure.update_xaxes(range=[0, 1.01])
    figure.update_xaxes(title_text="confidence", row=2, col=1)
    figure.update_yaxes(title_text="accuracy", range=[0, 1.02], row=1, col=1)
    figure.update_yaxes(title_text="samples", row=2, col=1)
    return figure


def prune(curves: Sequence[Curve], *, scheme: str) -> go.Figure:
    """Cosine to the unpruned weights against sparsity, with the optimum."""
    figure = go.Figure()
    for curve, colour in zip(curves, COLOURS, strict=False):
        figure.add_scatter(
            x=curve.column("sparsity"),
            y=curve.column("cosine"),
            mode="lines",
            line={"color": colour, "width": 2},
            name=safe(curve.name),
            hovertemplate="%{x:.1%} pruned: cosine %{y:.4f}<extra></extra>",
        )
        if "optimum_sparsity" in curve.notes:
            figure.add_scatter(
                x=[curve.number("optimum_sparsity")],
                y=[curve.number("optimum_cosine")],
                mode="markers",
                marker={"size": 9, "color": colour, "symbol": "diamond"},
                showlegend=False,
                hovertemplate="optimum: %{x:.1%} pruned, cosine %{y:.4f}<extra></extra>",
            )
    framed(figure, scheme, x="share of weights pruned", y="cosine to the unpruned", names=len(curves))
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_yaxes(range=[0, 1.03])
    return figure


def prune_accuracy(curves: Sequence[Curve], *, scheme: str) -> go.Figure:
    """Accuracy against the share of weights pruned, with the share that was asked for."""
    figure = go.Figure()
    for curve, colour in zip(curves, COLOURS, strict=False):
        figure.add_scatter(
            x=curve.column("sparsity"),
            y=curve.column("accuracy"),
            mode="lines+markers",
            marker={"size": 4},
            line={"color": colour, "width": 2},
            name=safe(curve.name),
            hovertemplate="%{x:.0%} pruned: accuracy %{y:.3f}<extra></extra>",
        )
        if "share" in curve.notes:
            figure.add_vline(x=curve.number("share"), line={"color": colour, "width": 1, "dash": "dash"})
    framed(figure, scheme, x="share of weights pruned", y="accuracy", names=len(curves))
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_yaxes(range=[0, 1.03])
    return figure


def bars(curves: Sequence[Curve], *, scheme: str, x: str) -> go.Figure:
    """One bar for each layer, first layer on top, with sampling intervals where there are any."""
    figure = go.Figure()
    for curve, colour in zip(curves, COLOURS, strict=False):
        halves = curve.column("half_width") if "half_width" in curve.series else None
        figure.add_bar(
            y=[safe(str(v)) for v in curve.series["layer"]],
            x=curve.column("value"),
            orientation="h",
            name=safe(curve.name),
            marker={"color": colour, "opacity": 0.8},
            error_x=None
            if halves is None
            else {"type": "data", "array": halves, "thickness": 1, "width": 0, "color": INK[scheme]},
            hovertemplate="%{y}: %{x:.4g}<extra></extra>",
        )
    framed(figure, scheme, x=x, y="", names=len(curves), barmode="group", bargap=0.25)
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure
