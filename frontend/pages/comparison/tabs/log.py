"""What was asked, and what failed."""

from typing import Any

from dash import html

from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.provenance import settings_of
from kinscape.frontend.pages.comparison.tab import Tab


def draw(page: OpenedComparison, _scheme: str) -> Any:
    """What was asked, and what failed."""
    d = page.comparison.details
    lines = [
        f"Asked {d.created:%Y-%m-%d %H:%M} UTC: {len(d.checkpoints)} checkpoints on {d.probe}"
        + (f", sharpness on {d.train_probe}" if d.train_probe else "")
        + ".",
        f"Layers: {', '.join(d.layers)}; reduction {d.reduction}; precision {d.precision}; seed {d.seed}.",
        *[
            f"{m.key}{f' on {m.probe}' if m.probe else ''} version {m.version}: {settings_of(m) or 'no parameters'}"
            for m in d.measures
        ],
        f"{d.counts.new} cells computed, {d.counts.reused} known before.",
        *d.log,
    ]
    code = f'client.comparison({d.id}).matrix("{d.measures[0].key}")'
    return html.Div(
        [
            html.H2("Log"),
            html.Ul([html.Li(line) for line in lines]),
            html.H3("The same numbers in Python"),
            html.Pre(code),
        ],
        className="picture full",
    )


TAB = Tab("log", "Log", 120, draw)
