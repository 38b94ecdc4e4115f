"""Loss along the linear path between the selected pair."""

from typing import Any

from dash import html

from kinscape.frontend.figures import curves as draw
from kinscape.frontend.figures.curves import Curve
from kinscape.frontend.pages.comparison.curves import asked_measure, fetched
from kinscape.frontend.pages.comparison.graphs import graph
from kinscape.frontend.pages.comparison.opened import OpenedComparison


def path_picture(page: OpenedComparison, scheme: str) -> Any:
    """The line between the selected pair: loss and accuracy, raw and with units matched."""
    a, b = page.view.a, page.view.b
    curves, sentences = [], []
    for slug, name in (("loss-barrier", "as they are"), ("loss-barrier-matched", "units matched")):
        measure = asked_measure(page, slug)
        if measure is None:
            continue
        first, second = (min(a, b), max(a, b)) if page.cards[slug].symmetric else (a, b)
        found = fetched(page, measure, first, second, name)
        if isinstance(found, str):
            sentences.append(f"{page.cards[slug].title}: {found}")
        elif found.series:
            curves.append(_turned(found) if first != a else found)
    if not curves and not sentences:
        return None
    names = (page.checkpoints[a].name, page.checkpoints[b].name)
    figure = [graph(draw.path(curves, names, scheme=scheme))] if curves else []
    head = html.H2("Loss along the linear path")
    return html.Section([head, *figure, *[html.P(s, className="quiet") for s in sentences]], className="curve path")


def _turned(curve: Curve) -> Curve:
    """The same way from its other end."""
    series = {n: list(reversed(v)) if n != "share" else list(v) for n, v in curve.series.items()}
    at = curve.notes.get("highest_at")
    notes = {**curve.notes, "highest_at": 1 - at} if isinstance(at, int | float) else curve.notes
    return Curve(curve.name, series, notes)
