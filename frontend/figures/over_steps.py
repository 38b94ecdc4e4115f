"""Pictures of what changes along training and is more than a number."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from kinscape.backend.contracts.words import number
from kinscape.frontend.figures.curves import Curve, framed
from kinscape.frontend.figures.look import CIVIDIS, safe, short

Floats = npt.NDArray[np.float64]
# Dark is more.
SCALE = [[1 - p, c] for p, c in reversed(CIVIDIS)]
BINS = 80
# Of all eigenvalues: less is the noise of smoothing.
FAINTEST = 1e-6


def layers(
    grid: Floats, names: Sequence[str], steps: Sequence[int], ends: tuple[float, float], *, scheme: str
) -> go.Figure:
    """A measure of each layer, first layer on top, at every step of a run.

    Args:
        grid: ``(layers, steps)``.
        ends: of the colours, the same for all runs.
    """
    figure = go.Figure(
        go.Heatmap(
            z=grid,
            x=[str(step) for step in steps],
            y=[safe(short(name, 24)) for name in names],
            zmin=ends[0],
            zmax=ends[1],
            colorscale=SCALE,
            colorbar={"thickness": 8, "outlinewidth": 0},
            customdata=[[number(float(v)) for v in row] for row in grid],
            hovertemplate="%{y}, step %{x}: %{customdata}<extra></extra>",
        )
    )
    framed(figure, scheme, x="step", y="")
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    figure.update_xaxes(type="category", showgrid=False)
    return figure


def spectra(curves: Sequence[tuple[int, Curve]], *, scheme: str) -> go.Figure:
    """Share of the eigenvalues of the Hessian in bins, step by step.

    Bins are even in the inverse hyperbolic sine of the eigenvalue, so that a few large ones leave the bulk its room.
    """
    nodes = [curve.column("node") for _, curve in curves]
    unit = float(np.quantile(np.abs(np.concatenate(nodes)), 0.25)) or 1.0
    low, high = (float(np.arcsinh(f(np.concatenate(nodes)) / unit)) for f in (np.min, np.max))
    edges = np.linspace(low, max(high, low + 1e-9), BINS + 1)
    grid = np.array(
        [
            np.histogram(np.arcsinh(at / unit), edges, weights=curve.column("weight"))[0]
            for at, (_, curve) in zip(nodes, curves, strict=True)
        ]
    ).T
    middles = np.sinh((edges[:-1] + edges[1:]) / 2) * unit
    with np.errstate(divide="ignore"):
        shown = np.where(grid > FAINTEST, np.log10(grid), np.nan)
    figure = go.Figure(
        go.Heatmap(
            z=shown,
            x=[str(step) for step, _ in curves],
            y=(edges[:-1] + edges[1:]) / 2,
            colorscale=SCALE,
            showscale=False,
            customdata=[
                [f"{number(float(m))}: {share:.2%}" for share in row] for m, row in zip(middles, grid, strict=True)
            ],
            hovertemplate="step %{x}<br>eigenvalue about %{customdata} of all<extra></extra>",
        )
    )
    framed(figure, scheme, x="step", y="eigenvalue")
    ticks = np.linspace(edges[0], edges[-1], 6)
    figure.update_yaxes(tickvals=ticks, ticktext=[number(float(np.sinh(t) * unit)) for t in ticks], showgrid=False)
    figure.update_xaxes(type="category", showgrid=False)
    if edges[0] < 0 < edges[-1]:
        figure.add_hline(y=0, line={"width": 1, "dash": "dot", "color": "#697386"})
    return figure
