"""What a study found: sentences, pictures of its units, tables of its effects."""

from typing import Any

from dash import html

from kinscape.backend.contracts.studies import Effect, EffectKind, Power, StudyResults
from kinscape.backend.contracts.words import counted, number
from kinscape.frontend.components.words import trouble
from kinscape.frontend.figures import studies as figures
from kinscape.frontend.pages.comparison.graphs import graph

# More sentences than that hide the pictures.
MOST_OPEN = 4
TITLES = (
    "",
    "Effect",
    "95 % interval",
    "over samples too",
    "Rank-biserial",
    "p",
    "adjusted p",
    "opposite, adjusted",
    "equal within ±",
    "n",
    "Test",
)
TOLD = {
    "95 % interval": "Over units, for the samples that were asked",
    "over samples too": "95 % interval over units and samples: what other networks on other samples would give",
    "equal within ±": "Two one-sided t tests at 5 % rule out a mean difference beyond this, in either direction",
}


def answered(found: StudyResults, power: Power, level: float, scheme: str) -> list[Any]:
    """All of it, ready for a page."""
    tested = found.verdict[len(found.headline) :]
    return [
        *[trouble(w) for w in found.warnings],
        html.Div([html.P(s) for s in found.headline], className="headline") if found.headline else None,
        *_tested(tested, is_open=len(tested) <= MOST_OPEN or not found.headline),
        html.P(power.sentence, className="quiet power"),
        *_pictures(found, scheme),
        html.H2("All effects"),
        *_tables(found, level),
    ]


def _tested(sentences: list[str], *, is_open: bool) -> list[Any]:
    """Contrast by contrast, folded where that is long."""
    if not sentences:
        return []
    listed = html.Ul([html.Li(html.Span(s, className="answer")) for s in sentences], className="answers")
    title = f"Test by test ({len(sentences)})"
    return [html.Details([html.Summary(title), listed], open=is_open, className="suite")]


def _pictures(found: StudyResults, scheme: str) -> list[Any]:
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    for e in found.effects:
        if e.kind is EffectKind.MEAN and e.low is not None and e.high is not None:
            intervals.setdefault(e.measure, {})[e.contrast] = (e.low, e.high)
    pictures = [
        (line.title, figures.lines(line, scheme=scheme), _groups_of([x.group for x in line.lines]))
        for line in found.lines
    ]
    pictures += [
        (d.title, figures.dots(d, intervals.get(d.measure, {}), scheme=scheme), f"{d.unit}; mean with 95 % interval")
        for d in found.dots
    ]
    pictures += [(g.title, figures.grid(g, scheme=scheme), "means of settings") for g in found.grids]
    drawn = [
        html.Figure([html.Figcaption([html.Strong(title), html.Span(told, className="quiet")]), graph(figure)])
        for title, figure, told in pictures
    ]
    return [html.Div(drawn, className="study-figures")] if drawn else []


def _groups_of(groups: list[str]) -> str:
    known = sorted(set(groups))
    return f"runs of {', '.join(g or 'no group' for g in known)}"


def _tables(found: StudyResults, level: float) -> list[Any]:
    """A table for each suite; the first is open."""
    suites: dict[str, list[Effect]] = {}
    for e in found.effects:
        suites.setdefault(e.suite, []).append(e)
    out = []
    for k, (suite, effects) in enumerate(suites.items()):
        title = f"{suite or 'All contrasts'} ({len(effects)})"
        out.append(
            html.Details([html.Summary(title.capitalize()), _table(effects, level)], open=not k, className="suite")
        )
    return out


def _table(effects: list[Effect], level: float) -> Any:
    """Effects row by row; a column that nothing fills is left out."""
    cells = [_cells(e, level) for e in effects]
    shown = [k for k in range(len(TITLES)) if any(of[k].children not in ("", None) for of in cells) or k == 0]
    head = html.Tr([html.Th(TITLES[k], title=TOLD.get(TITLES[k], "")) for k in shown])
    rows: list[Any] = []
    before = ""
    for e, of in zip(effects, cells, strict=True):
        if e.title != before:
            rows.append(html.Tr(html.Th(e.title, colSpan=len(shown), className="group-row", scope="rowgroup")))
            before = e.title
        rows.append(html.Tr([of[k] for k in shown], className=e.kind))
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="numbers effects")
    return html.Div(table, className="scroll", tabIndex=0, role="region", **{"aria-label": "Effects"})


def _cells(e: Effect, level: float) -> list[Any]:
    """One cell for each title."""

    def cell(value: float | None, *, is_p: bool = False) -> Any:
        if value is None:
            return html.Td("")
        held = is_p and value <= level
        return html.Td(html.Strong(number(value)) if held else number(value), title=repr(value))

    low_high, both = (
        "" if low is None or high is None else f"{number(low)} to {number(high)}"
        for low, high in ((e.low, e.high), (e.low_both, e.high_both))
    )
    tested = " ".join(filter(None, (e.test, f"({e.adjustment})" if e.adjustment else "")))
    test = ". ".join(filter(None, (tested, e.sentence)))
    return [
        html.Th(e.contrast, scope="row"),
        cell(e.effect),
        html.Td(low_high),
        html.Td(both, className="quiet"),
        cell(e.statistic if e.kind is EffectKind.CONTRAST else None),
        cell(e.p),
        cell(e.p_adjusted, is_p=True),
        cell(e.p_opposite_adjusted, is_p=True),
        cell(e.equivalent_within),
        html.Td(counted(e.n, e.unit) if e.n else ""),
        html.Td(test, className="quiet test"),
    ]
