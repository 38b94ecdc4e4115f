"""The left side of a comparison: which measure, which layer, how it is read, ordered and coloured."""

from typing import Any

from dash import html

from kinscape.frontend.components.cards import named
from kinscape.frontend.components.frame import link
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import tabs

READING_NAMES = {"raw": "Raw", "above-chance": "Above chance", "against-seeds": "Against seeds"}
ORDER_NAMES = {"alike": "Clustered", "group": "Group", "name": "Name", "added": "As added"}


def choices(page: OpenedComparison) -> Any:
    """How it is read, layer, measures by question, order, colours, export; nothing beside a picture of its own."""
    if not tabs()[page.view.tab].controls.sides:
        return []
    return [*_readings(page), *_layers(page), *_measures(page), *_orders(page), *_exports(page)]


def _readings(page: OpenedComparison) -> list[Any]:
    view = page.view
    if not tabs()[view.tab].controls.readings:
        return []
    return [
        html.H3("Values"),
        *[
            link(name, page.href(view.but(reading=key)), className="chip here" if view.reading == key else "chip")
            for key, name in READING_NAMES.items()
        ],
    ]


def _layers(page: OpenedComparison) -> list[Any]:
    shown = page.measure
    layers = page.layers(shown) if shown is not None else []
    if len(layers) < 2 or shown is None:
        return []
    return [
        html.H3("Layer"),
        *[
            link(
                name,
                page.href(page.view.but(layer=name)),
                className="choice-link here" if name == page.layer(shown) else "choice-link",
            )
            for name in layers
        ],
    ]


def _measures(page: OpenedComparison) -> list[Any]:
    view, shown = page.view, page.measure
    questions: dict[str, list[Any]] = {}
    for m in page.pairwise:
        card = page.cards[m.slug]
        here = shown is not None and m.key == shown.key
        tab = view.tab if tabs()[view.tab].controls.measure else "matrix"
        target = page.href(view.but(measure=m.key, tab=tab))
        entry = link(
            named(card, "" if m.key == m.slug else m.key),
            target,
            className="choice-link here" if here else "choice-link",
        )
        questions.setdefault(card.topic.value, []).append(entry)
    parts: list[Any] = []
    for question, entries in questions.items():
        parts += [html.H3(question), *entries]
    return parts


def _orders(page: OpenedComparison) -> list[Any]:
    view = page.view
    parts: list[Any] = [html.H3("Order")]
    parts += [
        link(name, page.href(view.but(order=key)), className="chip here" if view.order == key else "chip")
        for key, name in ORDER_NAMES.items()
    ]
    parts.append(html.H3("Colours"))
    for key, name in (("rank", "Quantile colours"), ("fit", "Range of values"), ("full", "Range of the measure")):
        parts.append(link(name, page.href(view.but(scale=key)), className="chip here" if view.scale == key else "chip"))
    return parts


def _exports(page: OpenedComparison) -> list[Any]:
    shown = page.measure
    if page.is_shared or shown is None:
        return []
    layer = page.layer(shown)
    wanted = f"?measure={shown.key}" + (f"&layer={layer}" if layer else "")
    place = f"/api/v1/comparisons/{page.comparison.id}/export{wanted}&format="
    return [
        html.H3("Export"),
        html.A("CSV", href=f"{place}csv", className="chip"),
        html.A("JSON", href=f"{place}json", className="chip"),
    ]
