"""A measure along training: a line for every run, with its interval."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from kinscape.backend.contracts.trajectories import TrainingRun, TrajectoryLine
from kinscape.frontend.figures.curves import axes, titled
from kinscape.frontend.figures.look import GROUPS, dressed, safe, short

# Steps that reach so much further than they begin are read on a logarithmic axis.
WIDE = 100
FADED = 0.16


def name_of(runs: Sequence[TrainingRun], place: int) -> str:
    """A run's name; of a masked link its number."""
    return runs[place].run or f"run {place + 1}"


def lines(runs: Sequence[TrainingRun], shown: Sequence[TrajectoryLine], *, scheme: str, legend: bool) -> go.Figure:
    """Lines of one kind; each run has its colour in every picture.

    Args:
        legend: whether runs are named beside the picture.
    """
    figure = go.Figure()
    for k, line in enumerate(shown):
        # A run keeps its colour in every picture; two of them have one of their own.
        colour = GROUPS[(line.place if line.other is None else k) % len(GROUPS)]
        name = name_of(runs, line.place)
        if line.other is not None:
            name = f"{name} and {name_of(runs, line.other)}"
        _ribbon(figure, line, colour)
        figure.add_scatter(
            x=line.steps,
            y=[math.nan if v is None else v for v in line.values],
            mode="lines+markers",
            line={"color": colour, "width": 1.6},
            marker={"size": 4},
            name=short(safe(name), 28),
            hovertemplate=f"{safe(name)}<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
        )
    steps = [step for line in shown for step in line.steps]
    is_wide = bool(steps) and min(steps) > 0 and max(steps) >= WIDE * min(steps)
    dressed(figure, scheme)
    figure.update_layout(
        margin={"l": 52, "r": 12, "t": 8, "b": 40},
        showlegend=legend and len(shown) > 1,
        legend={"font": {"size": 10}, "bgcolor": "rgba(0,0,0,0)", "orientation": "h", "y": 1.02, "yanchor": "bottom"},
        hovermode="closest",
    )
    figure.update_xaxes(**axes(scheme), type="log" if is_wide else "linear")
    figure.update_xaxes(title=titled("step, logarithmic" if is_wide else "step"))
    figure.update_yaxes(**axes(scheme))
    return figure


def _ribbon(figure: go.Figure, line: TrajectoryLine, colour: str) -> None:
    """The 95 % interval around a line, where there is one."""
    known = [
        (step, low, high)
        for step, low, high in zip(line.steps, line.low, line.high, strict=True)
        if low is not None and high is not None
    ]
    if len(known) < 2:
        return
    steps = [k[0] for k in known]
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    figure.add_scatter(
        x=[*steps, *reversed(steps)],
        y=[*(k[1] for k in known), *(k[2] for k in reversed(known))],
        mode="lines",
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},{FADED})",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
