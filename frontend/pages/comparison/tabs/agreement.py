"""Which measures of pairs call the same pairs alike."""

from typing import Any

import numpy as np
from dash import html

from kinscape.client import ClientError
from kinscape.frontend.components.tables import table_verbs
from kinscape.frontend.components.words import nothing
from kinscape.frontend.figures import surfaces
from kinscape.frontend.pages.comparison.graphs import graph
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Controls, Tab
from kinscape.frontend.pages.comparison.titles import titled


def draw(page: OpenedComparison, scheme: str) -> Any:
    """Which measures of pairs call the same pairs alike."""
    try:
        found = page.comparison.agreements()
    except ClientError as error:
        return nothing("No agreement yet", str(error))
    if found.sentence:
        return nothing("No agreement of measures", found.sentence)
    tables = [t.array() for t in (found.correlation, found.p, found.q)]
    names = [
        titled(page, m if layer is None else f"{m} · {layer}")
        for m, layer in zip(found.measures, found.layers, strict=True)
    ]
    order = _clustered(tables[0])
    rho, p, q = (t[np.ix_(order, order)] for t in tables)
    figure = surfaces.agreement(rho, p, q, [names[k] for k in order], scheme=scheme)
    size = {"height": f"{170 + 20 * len(names)}px", "minWidth": f"{240 + 20 * len(names)}px"}
    note = (
        f"Rank correlation of all pairs of {len(found.counted)} independent models between every two measures; blue: "
        "both call the same pairs alike. A cross: adjusted p (Benjamini–Yekutieli) not below "
        f"{surfaces.BELIEVED}. Point at a cell for its p."
    )
    left = [html.Li(f"{name}: {why}") for name, why in found.left_out.items()]
    return html.Div(
        [
            html.H2("Do the measures agree?"),
            html.P(note, className="quiet"),
            html.Div(html.Div(graph(figure, kind="graph filled"), style=size), className="scroll"),
            table_verbs("agreement", _rows(names, *tables)),
            html.P(found.method, className="quiet"),
            html.Details([html.Summary(f"{len(left)} left out"), html.Ul(left)]) if left else None,
        ],
        className="picture full",
    )


def _rows(names: list[str], rho: Any, p: Any, q: Any) -> list[dict[str, Any]]:
    """Every two measures once."""
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    return [
        {"a": names[i], "b": names[j], "rho": float(rho[i, j]), "p": float(p[i, j]), "q": float(q[i, j])}
        for i, j in pairs
    ]


def _clustered(correlation: Any) -> list[int]:
    """Measures in the order of the leading direction of their correlations, so that blocks show."""
    values, vectors = np.linalg.eigh(correlation)
    first, second = vectors[:, -1], vectors[:, -2] if len(values) > 1 else vectors[:, -1]
    angle = np.arctan2(second * values[-2] ** 0.5 if values[-2] > 0 else 0 * second, first)
    return [int(k) for k in np.argsort(angle, kind="stable")]


TAB = Tab("agreement", "Agreement", 90, draw, Controls(sides=False))
