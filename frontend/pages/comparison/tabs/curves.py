"""The tab of curves: what stands behind the single numbers of one or two models."""

from collections.abc import Callable, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from kinscape.client.project import Asked
from kinscape.frontend.components.cards import named
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import nothing
from kinscape.frontend.figures import curves as drawing
from kinscape.frontend.figures import surfaces
from kinscape.frontend.figures.curves import Curve
from kinscape.frontend.pages.comparison.curves import asked_measure, fetched
from kinscape.frontend.pages.comparison.graphs import graph
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Controls, Tab

Maker = Callable[[OpenedComparison, Sequence[int], str], Any]


def draw(page: OpenedComparison, scheme: str) -> Any:
    """Spectrum, reliability, corruptions, pruning, layer resets, slices and surfaces of the chosen models."""
    shown = chosen(page)
    parts = [made for maker in MAKERS if (made := maker(page, shown, scheme)) is not None]
    if not parts and not asked_measure(page, "loss-plane"):
        return nothing(
            "No curves here",
            "Ask for measures of single models that have one: Hessian spectrum, calibration error, accuracy on "
            "corrupted images, prune curve, layer reset, loss along a line or on a plane.",
        )
    note = "Choose one model or two: the second is drawn beside the first."
    return html.Div(
        [html.P(note, className="quiet"), _models(page, shown), html.Div(parts, className="curves"), _plane_form(page)],
        className="picture full",
    )


def chosen(page: OpenedComparison) -> list[int]:
    """The models whose curves are shown: the selected ones, else the first."""
    ids = page.comparison.details.checkpoints
    found = [i for i in dict.fromkeys((page.view.a, page.view.b)) if i in page.checkpoints]
    return found or [i for i in ids if i in page.checkpoints][:1]


def _models(page: OpenedComparison, shown: Sequence[int]) -> Any:
    """Every model as a chip: the first two that are chosen are drawn."""
    chips = []
    for i in page.comparison.details.checkpoints:
        if i not in page.checkpoints:
            continue
        if i in shown:
            rest = [s for s in shown if s != i] or [0]
            view = page.view.but(a=rest[0], b=0)
        else:
            view = page.view.but(a=shown[0] if shown else i, b=i)
        place = list(shown).index(i) if i in shown else -1
        look = "chip" if place < 0 else f"chip here drawn-{place}"
        chips.append(link(page.checkpoints[i].name, page.href(view), className=look))
    return html.Div(chips, className="chips models-chips")


def _curves_of(page: OpenedComparison, slug: str, shown: Sequence[int]) -> tuple[list[Curve], list[str]] | None:
    """Curves of the chosen models for one measure, and sentences for those without; None if it was not asked for."""
    measure = asked_measure(page, slug)
    if measure is None:
        return None
    curves, sentences = [], []
    for i in shown:
        name = page.checkpoints[i].name
        found = fetched(page, measure, i, i, name)
        if isinstance(found, str):
            sentences.append(f"{name}: {found}")
        elif found.series:
            curves.append(found)
    return curves, sentences


def _framed(page: OpenedComparison, slug: str, figures: Sequence[Any], sentences: Sequence[str]) -> Any:
    card = page.cards[slug]
    head = html.Div([html.H2(named(card)), html.Span(card.pitfalls, className="quiet")], className="curve-head")
    return html.Section(
        [head, *figures, *[html.P(s, className="quiet") for s in sentences]], className="curve", id=f"curve-{slug}"
    )


def _simple(slug: str, figure: Callable[..., Any], **more: Any) -> Maker:
    """A picture that draws both models in one figure."""

    def make(page: OpenedComparison, shown: Sequence[int], scheme: str) -> Any:
        found = _curves_of(page, slug, shown)
        if found is None:
            return None
        curves, sentences = found
        return _framed(page, slug, [graph(figure(curves, scheme=scheme, **more))] if curves else [], sentences)

    return make


def _one_each(slug: str, figure: Callable[..., Any]) -> Maker:
    """A picture that draws each model in a figure of its own."""

    def make(page: OpenedComparison, shown: Sequence[int], scheme: str) -> Any:
        found = _curves_of(page, slug, shown)
        if found is None:
            return None
        curves, sentences = found
        figures = [html.Div([html.H3(c.name), graph(figure(c, scheme=scheme))]) for c in curves]
        return _framed(page, slug, [html.Div(figures, className="side-by-side")], sentences)

    return make


def _spectrum(page: OpenedComparison, shown: Sequence[int], scheme: str) -> Any:
    found = _curves_of(page, "hessian-density", shown)
    if found is None:
        return None
    curves, sentences = found
    tops = _curves_of(page, "hessian-top-eigenvalue", shown)
    figures = [graph(drawing.spectrum(curves, tops[0] if tops else [], scheme=scheme))] if curves else []
    return _framed(page, "hessian-density", figures, sentences)


def _plane(page: OpenedComparison, _shown: Sequence[int], scheme: str) -> Any:
    """The plane of three networks: the first of them carries the surface."""
    measure = asked_measure(page, "loss-plane")
    if measure is None:
        return None
    found = {
        i: fetched(page, measure, i, i, c.name)
        for i, c in page.checkpoints.items()
        if i in page.comparison.details.checkpoints
    }
    curves = {i: c for i, c in found.items() if isinstance(c, Curve)}
    surface = next((c for c in curves.values() if c.series), None)
    sentences = [f"{page.checkpoints[i].name}: {s}" for i, s in found.items() if isinstance(s, str)]
    if surface is None:
        return _framed(page, "loss-plane", [], sentences or ["The three networks are not part of this comparison."])
    matrix = page.matrix(measure, None)
    distance = dict(zip(matrix.header.ids, matrix.values[:, 0], strict=True))
    corners = [(surface.number(f"x{k}"), surface.number(f"y{k}")) for k in (1, 2, 3)]
    points = [
        surfaces.PlanePoint(
            name=c.name,
            x=c.number("x"),
            y=c.number("y"),
            distance=float(distance[i]),
            is_corner=(c.number("x"), c.number("y")) in corners,
            run=page.checkpoints[i].run,
            step=page.checkpoints[i].step,
        )
        for i, c in curves.items()
    ]
    return _framed(page, "loss-plane", [graph(surfaces.plane(surface, points, scheme=scheme))], sentences)


MAKERS: tuple[Maker, ...] = (
    _spectrum,
    _simple("ece", drawing.reliability),
    _one_each("corruption-accuracy", surfaces.corruption),
    _simple("loss-slice-1d", drawing.slice_1d),
    _one_each("loss-surface-2d", surfaces.surface),
    _simple("layer-traces", drawing.bars, x="share of the Gauss-Newton trace"),
    _simple("layer-reset-random", drawing.bars, x="change of the outputs when the layer is reinitialised"),
    _simple("prune-curve", drawing.prune),
    _simple("prune-accuracy", drawing.prune_accuracy),
    _plane,
)


def of_one(page: OpenedComparison, model: int, scheme: str) -> list[Any]:
    """What this comparison has behind the numbers of one model."""
    made = [maker(page, [model], scheme) for maker in MAKERS if maker is not _plane]
    return [part for part in made if part is not None]


def _plane_form(page: OpenedComparison) -> Any:
    """Three networks to span a plane, as a comparison of its own."""
    if page.is_shared or len(page.checkpoints) < 3:
        return None
    options = [{"value": str(i), "label": c.name} for i, c in page.checkpoints.items()]
    return html.Div(
        [
            html.H3("The plane of three"),
            html.P(
                "The loss on the plane through three networks, and every other at its nearest point.", className="quiet"
            ),
            dmc.MultiSelect(id="plane-three", data=options, maxValues=3, searchable=True, label="Three networks"),
            dmc.Button("Compute", id="plane-compute", size="xs", mt="sm"),
            html.Div(id="plane-trouble"),
        ],
        className="narrow",
    )


def plane_of(page: OpenedComparison, three: Sequence[int]) -> Asked:
    """The request for the plane of three networks of this comparison."""
    details = page.comparison.details
    names = ", ".join(page.checkpoints[i].name for i in three)
    return {
        "name": f"Plane of {names}"[:200],
        "checkpoints": list(details.checkpoints),
        "probe": details.probe,
        "train_probe": details.train_probe,
        "measures": [{"slug": "loss-plane", "references": list(three)}],
        "detail_of": page.comparison.id,
    }


TAB = Tab("curves", "Curves", 60, draw, Controls(sides=False))
