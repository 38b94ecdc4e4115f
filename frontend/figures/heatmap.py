"""The matrix: square cells, dendrogram above, strips for groups on two sides."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from kinscape.backend.contracts.cards import Card
from kinscape.frontend.figures.look import GROUPS, PAPER, QUIET, dressed, number, safe, scale_of, span_of

Floats = npt.NDArray[np.float64]
# Numbers in cells stay readable up to here.
MOST_WITH_TEXT = 14
# Names along the axes stay readable up to here.
MOST_LABELS = 60


@dataclass(frozen=True)
class OrderedMatrix:
    """A matrix in the order in which it is shown."""

    values: Floats
    low: Floats
    high: Floats
    reasons: dict[tuple[int, int], str]
    ids: list[int]
    labels: list[str]
    groups: list[str]

    def ordered(self, order: Sequence[int]) -> "OrderedMatrix":
        """The same matrix with rows and columns in another order."""
        place = {old: new for new, old in enumerate(order)}
        pick = np.ix_(order, order) if self.values.shape[1] == len(self.ids) else (list(order), slice(None))
        wide = self.values.shape[1] == len(self.ids)
        return OrderedMatrix(
            self.values[pick],
            self.low[pick],
            self.high[pick],
            {(place[i], place[j] if wide else j): s for (i, j), s in self.reasons.items()},
            [self.ids[i] for i in order],
            [self.labels[i] for i in order],
            [self.groups[i] for i in order],
        )


def hover(block: OrderedMatrix, i: int, j: int) -> str:
    """What a cell says when pointed at."""
    names = f"<b>{safe(block.labels[i])}</b> · <b>{safe(block.labels[j])}</b>"
    if i == j:
        return f"<b>{safe(block.labels[i])}</b><br>the same checkpoint"
    if (i, j) in block.reasons:
        return f"{names}<br>{safe(block.reasons[i, j])}"
    text = f"{names}<br>{number(float(block.values[i, j]))}"
    if np.isfinite(block.low[i, j]):
        text += f"<br>95 % interval {number(float(block.low[i, j]))} to {number(float(block.high[i, j]))}"
    return text


def heatmap(
    block: OrderedMatrix,
    card: Card,
    *,
    merges: Sequence[Sequence[float]] = (),
    scheme: str = "light",
    scale: str = "rank",
    selected: tuple[int, int] = (0, 0),
) -> go.Figure:
    """All pairs; the diagonal is blank, a cell without a number keeps the paper's colour and a mark."""
    n = len(block.ids)
    shown = block.values.copy()
    np.fill_diagonal(shown, np.nan)
    low, high = span_of(card, shown.ravel().tolist(), scale=scale)
    keys = [str(i) for i in block.ids]
    texts = [[hover(block, i, j) for j in range(n)] for i in range(n)]
    cells = [[number(v) if np.isfinite(v) else "" for v in row] for row in shown.tolist()]
    gap = 1 if n <= 100 else 0
    figure = go.Figure(
        go.Heatmap(
            z=shown.astype(np.float32),
            x=keys,
            y=keys,
            zmin=low,
            zmax=high,
            colorscale=scale_of(card, scale=scale, values=shown.ravel().tolist()),
            showscale=False,
            xgap=gap,
            ygap=gap,
            hovertext=texts,
            hoverinfo="text",
            text=cells if n <= MOST_WITH_TEXT else None,
            texttemplate="%{text}" if n <= MOST_WITH_TEXT else None,
            textfont={"size": 10},
        )
    )
    _mark_reasons(figure, block, keys, scheme)
    _strips(figure, block, keys)
    tree = bool(merges) and len(merges) == n - 1
    if tree:
        _dendrogram(figure, merges, keys, scheme)
    _lay_out(figure, block, keys, tree=tree, scheme=scheme, selected=selected)
    figure.update_layout(plot_bgcolor=PAPER[scheme] if gap else "rgba(0,0,0,0)")
    return figure


def _lay_out(
    figure: go.Figure, block: OrderedMatrix, keys: list[str], *, tree: bool, scheme: str, selected: tuple[int, int]
) -> None:
    """Cells below, strips on two sides, the dendrogram on top; one label per row while there is room."""
    n = len(keys)
    step = max(1, -(-n // MOST_LABELS))
    names = [safe(short(t)) if i % step == 0 else "" for i, t in enumerate(block.labels)]
    left = margin(block.labels)
    top = top_of(tree=tree)
    axis = {
        "type": "category",
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "tickmode": "array",
        "tickvals": keys,
        "ticktext": names,
        "tickfont": {"size": 11 if n <= 40 else 9},
        "fixedrange": True,
        "categoryorder": "array",
        "categoryarray": keys,
    }
    hidden = {"visible": False, "fixedrange": True}
    dressed(
        figure,
        scheme,
        margin={"l": left, "r": 8, "t": 6, "b": left},
        xaxis={**axis, "domain": [0.045, 1], "tickangle": -90, "anchor": "y"},
        yaxis={**axis, "domain": [0, top], "autorange": "reversed", "anchor": "free", "position": 0},
        xaxis2={**hidden, "domain": [0, 0.03], "anchor": "y2"},
        yaxis2={**hidden, "type": "category", "domain": [0, top], "autorange": "reversed", "matches": "y"},
        xaxis3={**hidden, "type": "category", "domain": [0.045, 1], "matches": "x"},
        yaxis3={**hidden, "domain": [top + 0.012, top + 0.04]},
        xaxis4={**hidden, "domain": [0.045, 1], "range": [-0.5, n - 0.5]},
        yaxis4={**hidden, "domain": [min(top + 0.05, 0.99), 1]},
        shapes=_selection(keys, selected),
    )


def top_of(*, tree: bool) -> float:
    """Where the cells end, as a share of the height; above stand the strip and the dendrogram."""
    return 0.86 if tree else 0.955


def short(text: str, most: int = 24) -> str:
    """A label that fits; the whole name is in the hover text."""
    return text if len(text) <= most else text[: most - 1] + "…"


def margin(labels: Sequence[str]) -> int:
    """Room for the longest label, in pixels."""
    return int(min(160, 14 + 6.3 * max((len(short(t)) for t in labels), default=4)))


def _mark_reasons(figure: go.Figure, block: OrderedMatrix, keys: list[str], scheme: str) -> None:
    places = [(i, j) for i, j in block.reasons if i != j]
    if places:
        figure.add_trace(
            go.Scatter(
                x=[keys[j] for _, j in places],
                y=[keys[i] for i, _ in places],
                mode="markers",
                hoverinfo="skip",
                marker={"symbol": "circle", "size": 3, "color": QUIET[scheme]},
            )
        )


def _strips(figure: go.Figure, block: OrderedMatrix, keys: list[str]) -> None:
    names = sorted(set(block.groups))
    if len(names) < 2:
        return
    number_of = {g: i for i, g in enumerate(names)}
    z = [number_of[g] for g in block.groups]
    last = max(1, len(names) - 1)
    colours = [[i / last, GROUPS[i % len(GROUPS)]] for i in range(len(names))]
    texts = [safe(g or "no group") for g in block.groups]
    common = {
        "colorscale": colours,
        "zmin": 0,
        "zmax": last,
        "showscale": False,
        "hoverinfo": "text",
        "xgap": 1,
        "ygap": 1,
    }
    figure.add_trace(
        go.Heatmap(z=[[v] for v in z], y=keys, x=[0], hovertext=[[t] for t in texts], xaxis="x2", yaxis="y2", **common)
    )
    figure.add_trace(go.Heatmap(z=[z], x=keys, y=[0], hovertext=[texts], xaxis="x3", yaxis="y3", **common))


def _dendrogram(figure: go.Figure, merges: Sequence[Sequence[float]], keys: list[str], scheme: str) -> None:
    xs, ys = branches(merges)
    figure.add_trace(
        go.Scatter(
            x=xs,
            y=ys,
            mode="lines",
            line={"color": QUIET[scheme], "width": 1},
            hoverinfo="skip",
            xaxis="x4",
            yaxis="y4",
        )
    )


def branches(merges: Sequence[Sequence[float]]) -> tuple[list[float | None], list[float | None]]:
    """Lines of a dendrogram whose leaves stand in the merges' own order, 0 … n-1.

    Iterative, so that long chains do no harm.
    """
    n = len(merges) + 1
    children = {n + k: (int(m[0]), int(m[1])) for k, m in enumerate(merges)}
    leaves: list[int] = []
    stack = [2 * n - 2]
    while stack:
        node = stack.pop()
        if node < n:
            leaves.append(node)
        else:
            stack.extend(reversed(children[node]))
    place = {leaf: float(i) for i, leaf in enumerate(leaves)}
    height = dict.fromkeys(range(n), 0.0)
    xs: list[float | None] = []
    ys: list[float | None] = []
    for k, m in enumerate(merges):
        a, b = int(m[0]), int(m[1])
        xs += [place[a], place[a], place[b], place[b], None]
        ys += [height[a], m[2], m[2], height[b], None]
        place[n + k], height[n + k] = (place[a] + place[b]) / 2, float(m[2])
    return xs, ys


def _selection(keys: list[str], selected: tuple[int, int]) -> list[dict[str, object]]:
    a, b = (str(s) for s in selected)
    if a not in keys or b not in keys:
        return []
    line = {"color": "#e0563b", "width": 2}
    out: list[dict[str, object]] = []
    for i, j in ((keys.index(a), keys.index(b)), (keys.index(b), keys.index(a))):
        out.append(
            {
                "type": "rect",
                "xref": "x",
                "yref": "y",
                "x0": j - 0.5,
                "x1": j + 0.5,
                "y0": i - 0.5,
                "y1": i + 0.5,
                "line": line,
            }
        )
    return out


def miniature(block: OrderedMatrix, card: Card, *, scheme: str) -> go.Figure:
    """The matrix as a small picture without words."""
    shown = block.values.copy()
    np.fill_diagonal(shown, np.nan)
    values = shown.ravel().tolist()
    low, high = span_of(card, values, scale="rank")
    figure = go.Figure(
        go.Heatmap(
            z=shown.astype(np.float32),
            zmin=low,
            zmax=high,
            colorscale=scale_of(card, scale="rank", values=values),
            showscale=False,
            hoverinfo="skip",
        )
    )
    axis = {"visible": False, "fixedrange": True}
    dressed(
        figure, scheme, margin={"l": 0, "r": 0, "t": 0, "b": 0}, xaxis=axis, yaxis={**axis, "autorange": "reversed"}
    )
    return figure
