"""Every number of the selected pair."""

from typing import Any

from dash import html

from kinscape.frontend.components.cards import named
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.tables import table_verbs
from kinscape.frontend.components.words import difference, estimate
from kinscape.frontend.pages.comparison.opened import OpenedComparison


def pair_numbers(page: OpenedComparison) -> Any:
    """Every measure of the selected pair with its rank."""
    rows = []
    gaps = _gaps(page)
    cells = page.comparison.pair(page.view.a, page.view.b)
    held = [c.model_dump(mode="json", exclude={"slug"}) for c in cells]
    for cell in cells:
        card = page.cards.get(cell.slug)
        if card is None:
            continue
        view = page.view.but(tab="matrix", measure=cell.measure, layer=cell.layer or "")
        rank = f"{cell.rank}/{cell.of}" if cell.rank else ""
        name = [link(named(card), page.href(view)), html.Div(cell.layer or "", className="quiet")]
        rows.append(
            html.Tr(
                [
                    html.Td(name),
                    html.Td([estimate(cell.cell), *gaps.get((cell.measure, cell.layer), [])]),
                    html.Td(rank, className="quiet", title="rank among all pairs, 1 is most alike"),
                ]
            )
        )
    head = html.Tr([html.Th("Measure"), html.Th("Value, 95 % interval"), html.Th("Rank")])
    table = html.Div(html.Table([html.Thead(head), html.Tbody(rows)], className="numbers"), className="scroll")
    return html.Div([table, table_verbs(f"pair-{page.view.a}-{page.view.b}", held)])


def _gaps(page: OpenedComparison) -> dict[tuple[str, str | None], list[Any]]:
    """Differences of the selected pair to the held one, by measure and layer."""
    v = page.view
    if v.c not in page.checkpoints or v.d not in page.checkpoints or v.c == v.d or (v.c, v.d) == (v.a, v.b):
        return {}
    gaps = page.comparison.differences((v.a, v.b), (v.c, v.d))
    return {(gap.measure, gap.layer): [html.Div(difference(gap), className="gap")] for gap in gaps}
