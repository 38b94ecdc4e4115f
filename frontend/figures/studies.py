"""Figures of a study: units in their roles, runs along training, settings of two tags."""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from kinscape.backend.contracts.studies import Dots, Grid, Lines
from kinscape.backend.contracts.words import number
from kinscape.frontend.figures.look import CIVIDIS, GROUPS, INK, LINE, QUIET, dressed, safe, short

# A mean stands beside its dots, not on them.
BESIDE = 0.22


def dots(found: Dots, intervals: dict[str, tuple[float, float]], *, scheme: str) -> go.Figure:
    """Each unit's number in each role, joined from role to role, with the mean of a role and its interval.

    Args:
        intervals: 95 % interval of the mean by role.
    """
    figure = go.Figure()
    places = np.arange(len(found.roles))
    table = [[math.nan if v is None else v for v in row] for row in found.values]
    for k, unit in enumerate(found.units):
        figure.add_scatter(
            x=places,
            y=[row[k] for row in table],
            mode="lines+markers",
            connectgaps=False,
            line={"color": LINE[scheme], "width": 1},
            marker={"color": [GROUPS[i % len(GROUPS)] for i in range(len(places))], "size": 7},
            hovertemplate=f"{safe(unit)}: %{{y:.4g}}<extra></extra>",
        )
    means = [float(np.nanmean(row)) if np.isfinite(row).any() else math.nan for row in map(np.array, table)]
    ends = [intervals.get(role) for role in found.roles]
    figure.add_scatter(
        x=places + BESIDE,
        y=means,
        mode="markers",
        marker={"symbol": "line-ew-open", "size": 12, "color": INK[scheme], "line": {"width": 2}},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [0 if e is None else e[1] - m for e, m in zip(ends, means, strict=True)],
            "arrayminus": [0 if e is None else m - e[0] for e, m in zip(ends, means, strict=True)],
            "color": INK[scheme],
            "thickness": 1,
            "width": 0,
        },
        hovertemplate="mean %{y:.4g}<extra></extra>",
    )
    _framed(figure, scheme, left=56, bottom=_room(found.roles))
    figure.update_xaxes(
        tickvals=places,
        ticktext=[safe(short(role, 22)) for role in found.roles],
        range=[-0.5, len(places) - 0.3],
        tickangle=-30 if len(found.roles) > 3 else 0,
    )
    return figure


def lines(found: Lines, *, scheme: str) -> go.Figure:
    """One measure along training, run by run; runs of one group have one colour."""
    groups = sorted({line.group for line in found.lines})
    figure = go.Figure()
    named: set[str] = set()
    for line in found.lines:
        group = safe(line.group or "no group")
        figure.add_scatter(
            x=line.steps,
            y=[math.nan if v is None else v for v in line.values],
            mode="lines+markers",
            line={"color": GROUPS[groups.index(line.group) % len(GROUPS)], "width": 1.5},
            marker={"size": 4},
            name=short(group),
            legendgroup=line.group,
            showlegend=line.group not in named,
            hovertemplate=f"{safe(line.name)} ({group})<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
        )
        named.add(line.group)
    _framed(figure, scheme, left=56, bottom=36)
    figure.update_layout(
        showlegend=len(groups) > 1, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    )
    figure.update_layout(margin={"t": 26 if len(groups) > 1 else 6})
    figure.update_xaxes(title={"text": "step", "font": {"size": 11}})
    return figure


def grid(found: Grid, *, scheme: str) -> go.Figure:
    """Means over the networks of each setting."""
    table = [[math.nan if v is None else v for v in row] for row in found.values]
    text = [["" if v is None else number(v) for v in row] for row in found.values]
    figure = go.Figure(
        go.Heatmap(
            z=table,
            x=[safe(c) for c in found.columns],
            y=[safe(r) for r in found.rows],
            text=text,
            texttemplate="%{text}" if len(found.columns) <= 8 else "",
            colorscale=CIVIDIS,
            xgap=1,
            ygap=1,
            colorbar={"thickness": 10, "outlinewidth": 0, "tickfont": {"size": 11}},
            hovertemplate="%{y}, %{x}: %{z:.4g}<extra></extra>",
        )
    )
    _framed(figure, scheme, left=64, bottom=44)
    figure.update_xaxes(title={"text": safe(found.column_tag), "font": {"size": 11}}, type="category")
    figure.update_yaxes(title={"text": safe(found.row_tag), "font": {"size": 11}}, type="category")
    return figure


def _room(roles: Sequence[str]) -> int:
    """Room below for the names of roles, in pixels."""
    longest = max((len(short(r, 22)) for r in roles), default=4)
    return 28 if len(roles) <= 3 else 24 + int(3.6 * longest)


def _framed(figure: go.Figure, scheme: str, *, left: int, bottom: int) -> None:
    dressed(figure, scheme, margin={"l": left, "r": 8, "t": 6, "b": bottom})
    quiet = {"color": QUIET[scheme], "size": 11}
    figure.update_xaxes(showgrid=False, zeroline=False, linecolor=LINE[scheme], tickfont=quiet)
    figure.update_yaxes(gridcolor=LINE[scheme], zeroline=False, tickfont=quiet)
