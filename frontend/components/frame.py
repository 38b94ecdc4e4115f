"""The frame around every page."""

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from kinscape.frontend.components.cards import pointed_at

THEME = {
    "primaryColor": "indigo",
    # Lighter shades cannot be read on, or under, white.
    "primaryShade": {"light": 8, "dark": 8},
    "defaultRadius": 6,
    "fontFamily": "Inter, system-ui, -apple-system, 'Segoe UI', sans-serif",
    "fontSizes": {"xs": "12px", "sm": "13px", "md": "14px"},
}


def layout() -> Any:
    """Everything that stays while pages change."""
    return dmc.MantineProvider(
        defaultColorScheme="auto",
        theme=THEME,
        children=[
            dcc.Location(id="address", refresh="callback-nav"),
            dcc.Store(id="scheme", data="light"),
            dcc.Store(id="last-project", storage_type="session"),
            dcc.Store(id="library-changed", data=0),
            dcc.Interval(id="tick", interval=5000),
            html.A("Skip to content", href="#page", className="skip"),
            html.Div(
                [html.Header(id="header", className="header"), html.Main(id="page", className="page")], id="frame"
            ),
            pointed_at(),
        ],
    )


def link(text: Any, href: str, **more: Any) -> Any:
    """A link that changes the page without loading it anew."""
    return dcc.Link(text, href=href, **more)


def header(*, project: Any, projects: list[Any], path: str, running: int) -> list[Any]:
    """Name, project, places to go, running work, light or dark."""
    shared = path.startswith("/shared/")
    places = []
    if project is not None and not shared:
        base = f"/projects/{project.id}"
        entries = [
            ("Library", base),
            ("New comparison", f"{base}/compare"),
            ("Comparisons", f"{base}/comparisons"),
            ("Studies", f"{base}/studies"),
            ("Measures", "/measures"),
        ]
        places = [link(t, h, className="place here" if path == h else "place") for t, h in entries]
    menu = [] if project is None or shared else [_project_menu(project, projects)]
    return [
        html.Div([link("Kinscape", "/", className="brand"), *menu], className="header-left"),
        html.Nav(places, className="places", **{"aria-label": "Pages"}),
        html.Div(
            [
                html.Span(running_words(running), id="running", className="badge busy", role="status"),
                dmc.ColorSchemeToggle(
                    lightIcon=html.Span("☀"),
                    darkIcon=html.Span("☾"),
                    variant="subtle",
                    color="gray",
                    id="scheme-toggle",
                    **{"aria-label": "Light or dark"},
                ),
            ],
            className="header-right",
        ),
    ]


def running_words(running: int) -> str:
    """How many comparisons are being computed; nothing where none is."""
    return f"{running} running" if running else ""


def _project_menu(project: Any, projects: list[Any]) -> Any:
    """The name of the project, with the others to go to."""
    # More would not fit a screen; the start page lists them all.
    entries = [link(p.name, f"/projects/{p.id}", className="menu-link") for p in projects[:30]]
    new = link("New project…", "/new", className="menu-link last")
    return html.Details(
        [html.Summary(f"{short(project.name)} ▾"), html.Nav([*entries, new], **{"aria-label": "Projects"})],
        className="menu",
    )


def short(text: str, most: int = 28) -> str:
    """A name that fits the header."""
    return text if len(text) <= most else text[: most - 1] + "…"
