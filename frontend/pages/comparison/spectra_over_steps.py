"""What one number hides along training: a measure layer by layer, and the spectrum of the Hessian."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import html

from kinscape.backend.contracts.comparisons import AskedMeasure
from kinscape.backend.contracts.matrices import Profile
from kinscape.backend.contracts.trajectories import TrainingRun
from kinscape.client import ClientError
from kinscape.frontend.components.cards import named
from kinscape.frontend.components.frame import link
from kinscape.frontend.figures import over_steps as drawing
from kinscape.frontend.figures.curves import Curve
from kinscape.frontend.figures.trajectories import name_of
from kinscape.frontend.pages.comparison.curves import asked_measure, fetched
from kinscape.frontend.pages.comparison.graphs import graph
from kinscape.frontend.pages.comparison.opened import OpenedComparison

# More pictures take longer to draw than anybody looks at them.
MOST_RUNS = 4
MOST_SPECTRA = 24


def sections(page: OpenedComparison, runs: Sequence[TrainingRun], scheme: str) -> list[Any]:
    """Layers and spectra along the steps of every run, where the comparison has them."""
    return [*_by_layer(page, runs, scheme), *_spectra(page, runs, scheme)]


def _by_layer(page: OpenedComparison, runs: Sequence[TrainingRun], scheme: str) -> list[Any]:
    tables = [(m, t) for m in page.single if (t := _profile(page, m)) is not None]
    if not tables:
        return []
    measure, table = next((p for p in tables if p[0].key == page.view.single), tables[0])
    chips = [_chip(page, m, here=m.key == measure.key) for m, _ in tables] if len(tables) > 1 else []
    values = table.values.array()
    grids = [np.array([values[table.ids.index(i)] for i in run.checkpoints]).T for run in runs[:MOST_RUNS]]
    known = np.concatenate([g[np.isfinite(g)] for g in grids])
    if not known.size:
        return []
    ends = (float(known.min()), float(known.max()))
    figures = [
        html.Section(
            [
                html.H3(name_of(runs, k)),
                graph(drawing.layers(grid, table.layers, runs[k].steps, ends, scheme=scheme)),
            ],
            className="curve",
        )
        for k, grid in enumerate(grids)
    ]
    told = f"{len(runs) - MOST_RUNS} more runs are not drawn." if len(runs) > MOST_RUNS else "One scale for all runs."
    return [
        html.H2(["Layer by layer: ", named(page.cards[table.slug])]),
        html.Div(chips, className="chips"),
        html.P(told, className="quiet"),
        html.Div(figures, className="curves along"),
    ]


def _profile(page: OpenedComparison, measure: AskedMeasure) -> Profile | None:
    try:
        return page.comparison.profile(measure.key)
    except ClientError:
        return None


def _chip(page: OpenedComparison, measure: AskedMeasure, *, here: bool) -> Any:
    view = page.view.but(single=measure.key)
    return link(named(page.cards[measure.slug]), page.href(view), className="chip here" if here else "chip")


def _spectra(page: OpenedComparison, runs: Sequence[TrainingRun], scheme: str) -> list[Any]:
    measure = asked_measure(page, "hessian-density")
    if measure is None:
        return []
    figures = []
    each = max(2, MOST_SPECTRA // max(1, len(runs[:MOST_RUNS])))
    for k, run in enumerate(runs[:MOST_RUNS]):
        curves = []
        for place in _spread(len(run.steps), each):
            id, step = run.checkpoints[place], run.steps[place]
            found = fetched(page, measure, id, id, f"step {step}")
            if isinstance(found, Curve) and found.series:
                curves.append((step, found))
        if len(curves) > 1:
            figure = graph(drawing.spectra(curves, scheme=scheme))
            figures.append(html.Section([html.H3(name_of(runs, k)), figure], className="curve"))
    if not figures:
        return []
    note = "Dark: many eigenvalues there, on a logarithmic scale; negative ones are below the line."
    title = html.H2(["Over steps: ", named(page.cards[measure.slug])])
    return [title, html.P(note, className="quiet"), html.Div(figures, className="curves along")]


def _spread(count: int, most: int) -> list[int]:
    """Places among so many, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(k * (count - 1) / (most - 1)) for k in range(most)})
