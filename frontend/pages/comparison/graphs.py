"""Figures on the page: those that respond to the pointer and those that are static."""

from typing import Any

from dash import dcc, html

from kinscape.frontend.figures.look import CONFIG

FILL = {"height": "100%", "width": "100%"}


STILL = {**CONFIG, "staticPlot": True}


def graph(figure: Any, *, id: str | None = None, kind: str = "graph") -> Any:
    """A figure on the page that responds to the pointer."""
    named = {} if id is None else {"id": id}
    drawn = dcc.Graph(figure=figure, config=CONFIG, responsive=True, style=FILL, **named)
    return html.Div([drawn, figure_verbs()], className=kind)


def figure_verbs() -> Any:
    """Buttons that save the figure beside them; the browser does it (``frontend/browser/saves.tsx``)."""
    buttons = [html.Button(f.upper(), className="chip", **{"data-save": f}) for f in ("svg", "pdf", "png")]
    return html.Div(buttons, className="figure-verbs", role="group", **{"aria-label": "Save this figure"})


def still(figure: Any, *, kind: str) -> Any:
    """A static figure."""
    return html.Div(dcc.Graph(figure=figure, config=STILL, responsive=True, style=FILL), className=kind)
