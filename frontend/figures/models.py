"""Models × measures of single models: sharpness, calibration, accuracy."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from kinscape.backend.contracts.cards import Card
from kinscape.frontend.figures.heatmap import OrderedMatrix, margin, short
from kinscape.frontend.figures.look import INK, LINE, dressed, number, safe


def models_table(
    columns: Sequence[tuple[str, Card, OrderedMatrix]], *, scheme: str, beside: float | None = None
) -> go.Figure:
    """Models × measures: colours are compared within a column only.

    Args:
        beside: height share of the rows of the matrix that it stands beside; without numbers and
            names then, which the matrix has. None for a table of its own.
    """
    if not columns:
        return dressed(go.Figure(), scheme)
    first = columns[0][2]
    keys = [str(i) for i in first.ids]
    z, texts, shown = [], [], []
    for _, card, block in columns:
        values = block.values[:, 0]
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
        share = (values - low) / (high - low) if high > low else np.where(np.isfinite(values), 0.5, np.nan)
        z.append(1 - share if card.direction.value.startswith("lower") else share)
        texts.append([model_hover(block, card, i) for i in range(len(keys))])
        shown.append([number(float(v)) if np.isfinite(v) else "" for v in values])
    figure = go.Figure(
        go.Heatmap(
            z=np.array(z, dtype=np.float32).T,
            x=[str(j) for j in range(len(columns))],
            y=keys,
            zmin=0,
            zmax=2.6,  # only the lighter part of the scale, on which dark text can be read
            colorscale=[[1 - p, c] for p, c in reversed(CIVIDIS_SOFT)],
            showscale=False,
            xgap=1,
            ygap=1,
            hovertext=list(map(list, zip(*texts, strict=True))),
            hoverinfo="text",
            text=list(map(list, zip(*shown, strict=True))) if beside is None else None,
            texttemplate="%{text}" if beside is None else None,
            textfont={"size": 11, "color": INK["light"]},
        )
    )
    _lay_out(figure, columns, keys, scheme=scheme, beside=beside)
    figure.update_layout(plot_bgcolor=LINE[scheme])
    return figure


def _lay_out(
    figure: go.Figure,
    columns: Sequence[tuple[str, Card, OrderedMatrix]],
    keys: list[str],
    *,
    scheme: str,
    beside: float | None,
) -> None:
    first = columns[0][2]
    room = margin(first.labels)
    axis = {
        "type": "category",
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "tickmode": "array",
        "fixedrange": True,
    }
    dressed(
        figure,
        scheme,
        margin={"l": 4, "r": 4, "t": 6, "b": room} if beside else {"l": room, "r": 8, "t": 130, "b": 8},
        xaxis={
            **axis,
            "tickvals": [str(j) for j in range(len(columns))],
            "ticktext": [safe(short(c.title)) for _, c, _ in columns],
            "side": "bottom" if beside else "top",
            "range": [-0.5, len(columns) - 0.5],
            "tickangle": -90 if beside else -40,
            "tickfont": {"size": 11},
        },
        yaxis={
            **axis,
            "tickvals": keys,
            "ticktext": [safe(short(t)) for t in first.labels],
            "range": [len(keys) - 0.5, -0.5],
            "tickfont": {"size": 11},
            "showticklabels": beside is None,
            "domain": [0, beside or 1],
        },
    )


CIVIDIS_SOFT: list[tuple[float, str]] = [(0.0, "#31446b"), (0.35, "#7f8aa5"), (0.7, "#ccd3df"), (1.0, "#f4f5f8")]


def model_hover(block: OrderedMatrix, card: Card, i: int) -> str:
    """What a cell of the models table says."""
    text = f"<b>{safe(block.labels[i])}</b><br>{safe(card.title)} "
    if (i, 0) in block.reasons:
        return f"{text}<br>{safe(block.reasons[i, 0])}"
    text += number(float(block.values[i, 0]))
    if np.isfinite(block.low[i, 0]):
        text += f"<br>95 % interval {number(float(block.low[i, 0]))} to {number(float(block.high[i, 0]))}"
    return text
