"""The tab of associations between measures and outcomes."""

from typing import Any

from dash import html

from kinscape.backend.contracts.associations import Association, Associations, Correlation
from kinscape.backend.contracts.cards import Topic
from kinscape.backend.contracts.words import number
from kinscape.client import ClientError
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.tables import table_verbs
from kinscape.frontend.components.words import nothing, trouble
from kinscape.frontend.figures import surfaces
from kinscape.frontend.figures.look import group_colours
from kinscape.frontend.figures.surfaces import BELIEVED
from kinscape.frontend.pages.comparison.graphs import graph
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tab import Controls, Tab
from kinscape.frontend.pages.comparison.titles import titled


def draw(page: OpenedComparison, scheme: str) -> Any:
    """Every measure of models against every outcome, and the models behind the chosen one."""
    try:
        found = page.comparison.associations()
    except ClientError as error:
        return nothing("No associations yet", str(error))
    if found.sentence:
        return nothing("No associations", found.sentence)
    held = page.view.held == "held" and found.control is not None
    note = (
        f"Spearman's ρ over {_networks(len(found.counted), found.families)}. Bold: adjusted p "
        f"(Benjamini–Yekutieli, over this table) below {BELIEVED}. Choose a number for its intervals, Kendall's τ and "
        "its models."
    )
    switches = [
        link("Raw", page.href(page.view.but(held="raw")), className="chip" if held else "chip here"),
        link(
            "Controlling for train loss",
            page.href(page.view.but(held="held")),
            className="chip here" if held else "chip",
        ),
    ]
    if found.control is None:
        switches = [
            html.Span(
                "Ask for the train loss too: then associations are also given controlling for it.", className="quiet"
            )
        ]
    return html.Div(
        [
            html.H2("Associations between measures and outcomes"),
            html.P(note, className="quiet"),
            html.Div(switches, className="chips"),
            trouble(page.mixture) if page.mixture else None,
            html.Div(
                [_association_table(page, found, held=held), _chosen(page, found, scheme)], className="associations"
            ),
            html.P(found.method, className="quiet"),
            table_verbs("associations", [a.model_dump() for a in found.table]),
            _group_means(page, found),
        ],
        className="picture full",
    )


def _association_table(page: OpenedComparison, found: Associations, *, held: bool) -> Any:
    cells = {(a.measure, a.outcome): a for a in found.table}
    head = html.Tr([html.Td("")] + [html.Th(html.Span(titled(page, o))) for o in found.outcomes])
    rows = []
    for m in _by_topic(page, found.measures):
        tds = [_association(page, cells[m, o], held=held) for o in found.outcomes]
        rows.append(html.Tr([html.Th(titled(page, m)), *tds]))
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(rows)], className="numbers groups associated"), className="scroll"
    )


def _by_topic(page: OpenedComparison, measures: list[str]) -> list[str]:
    """Measures of sharpness first, then by topic; within one as they were asked."""
    topics = [Topic.LOSS_LANDSCAPE, *(t for t in Topic if t is not Topic.LOSS_LANDSCAPE)]
    slug_of = {m.key: m.slug for m in page.single}

    def place(measure: str) -> int:
        card = page.cards.get(slug_of.get(measure, ""))
        return len(topics) if card is None else topics.index(card.topic)

    return sorted(measures, key=place)


def _association(page: OpenedComparison, a: Association, *, held: bool) -> Any:
    rho, q = (a.spearman_partial, a.q_partial) if held else (a.spearman, a.q)
    if rho is None:
        why = a.sentence or "Not defined: one of the two follows the train loss entirely, or is it."
        return html.Td(html.Span("–", className="quiet", title=why))
    here = (page.view.single, page.view.outcome) == (a.measure, a.outcome)
    target = page.href(page.view.but(single=a.measure, outcome=a.outcome))
    look = "between" + (" here" if here else "") + (" believed" if q is not None and q < BELIEVED else "")
    shade = f"{'61,111,209' if rho.value > 0 else '199,125,46'},{min(0.55, abs(rho.value) * 0.55):.2f}"
    told = f"ρ = {_with_interval(rho)}; adjusted p = {number(q) if q is not None else '–'}"
    return html.Td(link(f"{rho.value:.2f}", target, className=look, title=told), style={"background": f"rgba({shade})"})


def _with_interval(c: Correlation | None) -> str:
    if c is None:
        return "not defined"
    interval = "" if c.low is None or c.high is None else f" ({c.low:.2f} to {c.high:.2f})"
    return f"{c.value:.2f}{interval}"


def _chosen(page: OpenedComparison, found: Associations, scheme: str) -> Any:
    """The chosen association in full, with its models."""
    mine = next((a for a in found.table if (a.measure, a.outcome) == (page.view.single, page.view.outcome)), None)
    if mine is None:
        return html.P("Choose a number: its models and both coefficients appear here.", className="quiet")
    values = found.values.array()
    x, y = (values[:, found.columns.index(n)] for n in (mine.measure, mine.outcome))
    group = {c.name: c.group for c in page.checkpoints.values()}
    titles = (titled(page, mine.measure), titled(page, mine.outcome))
    rows = [
        ("Spearman's ρ", _with_interval(mine.spearman), _with_interval(mine.spearman_partial)),
        ("Kendall's τ", _with_interval(mine.kendall), _with_interval(mine.kendall_partial)),
        ("p", _p(mine.p), _p(mine.p_partial)),
        ("adjusted p (Benjamini–Yekutieli)", _p(mine.q), _p(mine.q_partial)),
    ]
    table = html.Table(
        [
            html.Thead(html.Tr([html.Td(""), html.Th("raw"), html.Th("controlling for train loss")])),
            html.Tbody([html.Tr([html.Th(name), html.Td(a), html.Td(b)]) for name, a, b in rows]),
        ],
        className="numbers",
    )
    granulated = "" if mine.granulated is None else f" Granulated τ over tags: {mine.granulated:.2f}."
    counted = [group.get(n, "") for n in found.counted]
    colours = group_colours([c.group for c in page.checkpoints.values()])
    figure = surfaces.scatter(x, y, found.counted, (counted, colours), titles=titles, scheme=scheme)
    return html.Div(
        [
            html.H3(f"{titles[0]} and {titles[1]}"),
            graph(figure, kind="graph scatter"),
            table,
            html.P(f"{_networks(mine.n, mine.families)}.{granulated}".capitalize(), className="quiet"),
        ],
        className="chosen-association",
    )


def _networks(count: int, families: int) -> str:
    """How many networks there are, and how many of them are independent."""
    if families in (0, count):
        return f"{count} independent networks"
    return f"{count} networks of {families} families (a common start, teacher or run makes a family)"


def _p(value: float | None) -> str:
    return "–" if value is None else number(value)


def _group_means(page: OpenedComparison, found: Associations) -> Any:
    """What each group scores on average."""
    head = html.Tr([html.Th("Group"), html.Th("models")] + [html.Th(html.Span(titled(page, c))) for c in found.columns])
    rows = [
        html.Tr(
            [
                html.Th(g.group or "no group"),
                html.Td(str(g.models)),
                *[html.Td("–" if v is None else number(v)) for v in g.means],
            ]
        )
        for g in found.groups
    ]
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="numbers groups")
    return html.Details([html.Summary("Means of the groups"), html.Div(table, className="scroll")])


TAB = Tab("associations", "Associations", 80, draw, Controls(sides=False))
