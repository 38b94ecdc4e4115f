"""The tab of groups: how alike within and between, and whether two differ beyond chance."""

from typing import Any

from dash import html

from kinscape.backend.contracts.groups import Contrast, GroupMean, Groups
from kinscape.backend.contracts.words import number
from kinscape.client import ClientError
from kinscape.frontend.components.cards import named
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.tables import table_verbs
from kinscape.frontend.components.words import nothing, trouble
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Controls, Tab


def draw(page: OpenedComparison, _scheme: str) -> Any:
    """Group by group means with both kinds of interval; a chosen pair of groups is tested."""
    measure = page.measure
    if measure is None:
        return nothing("No measures of pairs", "This comparison asked about single models only.")
    layer = page.layer(measure)
    try:
        found = page.comparison.groups(measure.key, layer=layer)
    except ClientError as error:
        return trouble(str(error))
    if len(found.groups) < 2:
        return nothing("One group", "Give checkpoints groups in the library: then they are compared here.")
    card = page.cards[measure.slug]
    note = (
        "Mean over pairs of networks of different families. Networks that share an ancestor, a start, a teacher or a "
        "run are one family and count once, and a group of one network has no pair within. Point at a number for its "
        "intervals; choose one to test two groups."
    )
    tested: Any = html.P("Choose a number between two groups to test whether they differ.", className="quiet")
    first, second = page.view.g, page.view.h
    if first in found.groups and second in found.groups and first != second:
        tested = _tested(page, measure.key, layer, first, second)
    parts = [html.H2(named(card)), html.P(note, className="quiet"), html.Div(tested, className="tested")]
    kept = ("a", "b", "value", "low", "high", "sampling_low", "sampling_high", "roots_a", "roots_b")
    verbs = table_verbs(f"groups-{measure.slug}", [m.model_dump(include=set(kept)) for m in found.means])
    return html.Div([*parts, _table(page, found), verbs], className="picture full")


def _table(page: OpenedComparison, found: Groups) -> Any:
    means = {frozenset((m.a, m.b)): m for m in found.means}
    head = html.Tr([html.Td("")] + [html.Th(html.Span(name or "no group")) for name in found.groups])
    rows = []
    for a in found.groups:
        cells = [html.Td(_mean(page, means[frozenset((a, b))])) for b in found.groups]
        rows.append(html.Tr([html.Th(a or "no group"), *cells]))
    return html.Div(html.Table([html.Thead(head), html.Tbody(rows)], className="numbers groups"), className="scroll")


def _mean(page: OpenedComparison, mean: GroupMean) -> Any:
    if mean.value is None:
        return html.Span("–", className="quiet", title=mean.sentence)
    lines = [f"{_both(mean.a, mean.b)}: {mean.value!r}", f"{mean.roots_a} and {mean.roots_b} independent networks"]
    if mean.low is not None and mean.high is not None:
        lines.append(f"95 % interval for other networks: {number(mean.low)} to {number(mean.high)} (bootstrap)")
    if mean.sampling_low is not None and mean.sampling_high is not None:
        lines.append(f"95 % interval for other samples: {number(mean.sampling_low)} to {number(mean.sampling_high)}")
    told = "\n".join(lines)
    if mean.a == mean.b:
        return html.Span(number(mean.value), className="number", title=told)
    chosen = {page.view.g, page.view.h} == {mean.a, mean.b}
    target = page.href(page.view.but(g=mean.a, h=mean.b))
    return link(number(mean.value), target, className="between here" if chosen else "between", title=told)


def _tested(page: OpenedComparison, measure: str, layer: str | None, a: str, b: str) -> Any:
    try:
        found = page.comparison.contrast(a, b, measure=measure, layer=layer)
    except ClientError as error:
        return html.Div([html.H3(_both(a, b)), trouble(str(error))])
    return html.Div([html.H3(_both(a, b)), html.P(_sentence(found)), html.P(found.method, className="quiet")])


def _both(a: str, b: str) -> str:
    return f"{a or 'no group'} and {b or 'no group'}"


def _sentence(found: Contrast) -> str:
    interval = "" if found.low is None or found.high is None else f" ({number(found.low)} to {number(found.high)})"
    return (
        f"Within {number(found.within)}, between {number(found.between)}: "
        f"difference {number(found.difference)}{interval}. "
        f"Permutation test over {found.roots_a} and {found.roots_b} independent networks: p = {number(found.p)}; "
        f"the smallest p that so many networks allow is {number(found.smallest_p)}."
    )


TAB = Tab("groups", "Groups", 40, draw, Controls(measure=True))
