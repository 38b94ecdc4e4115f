"""The pictures of a comparison: one function per tab."""

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from kinscape.backend.contracts.comparisons import AskedMeasure
from kinscape.backend.contracts.matrices import MatrixHeader
from kinscape.client import ClientError
from kinscape.frontend.components.cards import named
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import difference, estimate, nothing, trouble
from kinscape.frontend.figures.heatmap import heatmap, miniature, top_of
from kinscape.frontend.figures.layers import layer_heatmap
from kinscape.frontend.figures.look import CONFIG, number
from kinscape.frontend.figures.map import model_map
from kinscape.frontend.figures.models import models_table
from kinscape.frontend.figures.samples import picture
from kinscape.frontend.figures.scale import scale_histogram
from kinscape.frontend.pages.opened import OpenedComparison

FILL = {"height": "100%", "width": "100%"}
MOST_BESIDE = 14
STILL = {**CONFIG, "staticPlot": True}


def graph(figure: Any, *, id: str | None = None, kind: str = "graph") -> Any:
    """A figure on the page that answers to the pointer."""
    named = {} if id is None else {"id": id}
    return html.Div(dcc.Graph(figure=figure, config=CONFIG, responsive=True, style=FILL, **named), className=kind)


def still(figure: Any, *, kind: str) -> Any:
    """A figure that is only looked at."""
    return html.Div(dcc.Graph(figure=figure, config=STILL, responsive=True, style=FILL), className=kind)


def matrix_tab(page: OpenedComparison, scheme: str) -> Any:
    """The matrix with its scale, and the sharpness columns in the same order of rows."""
    measure = page.measure
    if measure is None:
        return models_tab(page, scheme)
    layer = page.layer(measure)
    try:
        raw = page.as_read(measure, layer)
    except ClientError as error:
        return nothing("This matrix cannot be read that way", str(error))
    order = page.order(raw)
    card = page.card(measure)
    block = page.block(raw).ordered(order)
    merges = raw.header.merges if page.view.order == "alike" and raw.header.order else []
    figure = heatmap(
        block, card, merges=merges, scheme=scheme, scale=page.view.scale, selected=(page.view.a, page.view.b)
    )
    parts = [
        html.Div(
            [
                html.Div(
                    [html.H2(named(card)), html.Span(card.summary, className="quiet")],
                    className="picture-head",
                ),
                graph(figure, id="matrix-graph", kind="graph square"),
                still(
                    scale_histogram(page.off_diagonal(block), card, scheme=scheme, scale=page.view.scale),
                    kind="graph scale",
                ),
                html.Div(_provenance(raw.header, measure, layer), className="quiet provenance"),
                *[trouble(w) for w in raw.header.warnings[:2]],
                _accessible(block),
            ],
            className="picture",
        )
    ]
    if page.single:
        beside = models_figure(page, order, scheme, beside=top_of(tree=bool(merges)))
        more = "" if len(page.single) <= MOST_BESIDE else f"First {MOST_BESIDE} of {len(page.single)}; "
        head = [html.H2("Each model"), html.Span(f"{more}colours within a column.", className="quiet")]
        parts.append(html.Div([html.Div(head, className="picture-head"), beside], className="picture beside"))
    return html.Div(parts, className="pictures")


def _provenance(raw: MatrixHeader, measure: AskedMeasure, layer: str | None) -> str:
    settings = settings_of(measure)
    parts = [
        f"N = {raw.n}" if raw.n else "",
        f"{raw.role} samples" if raw.role not in ("", "none") else "",
        f"layer {layer}" if layer else "",
        settings,
        raw.method,
        _band(raw),
        f"{measure.slug} v{measure.version}",
    ]
    return " · ".join(p for p in parts if p)


def _band(raw: MatrixHeader) -> str:
    if raw.band is None:
        return ""
    b = raw.band
    return (
        f"seeds: {b.roots} independent networks of {b.group or 'no group'}, {b.pairs} pairs, "
        f"{number(b.mean)} ± {number(b.deviation)}"
    )


def settings_of(measure: AskedMeasure) -> str:
    """The parameters of a measure as a reader writes them."""
    return ", ".join(f"{k} = {v}" for k, v in measure.parameters.items())


def _accessible(block: Any) -> Any:
    """The same numbers as a table, for those who cannot see the picture."""
    if len(block.ids) > 40:
        return html.Div(
            f"A matrix of {len(block.ids)} checkpoints; export it for the numbers.", className="visually-hidden"
        )
    head = html.Tr([html.Th("")] + [html.Th(t) for t in block.labels])
    rows = [
        html.Tr([html.Th(t)] + [html.Td(number(float(v))) for v in block.values[i]]) for i, t in enumerate(block.labels)
    ]
    return html.Div(html.Table([html.Thead(head), html.Tbody(rows)]), className="visually-hidden")


def models_figure(page: OpenedComparison, order: list[int], scheme: str, *, beside: float | None = None) -> Any:
    """Models × measures of single models."""
    columns = []
    shown = page.single if beside is None else page.single[:MOST_BESIDE]
    for m in shown:
        columns.append((m.key, page.cards[m.slug], page.block(page.matrix(m, page.layer(m))).ordered(order)))
    figure = models_table(columns, scheme=scheme, beside=beside)
    if beside is not None:
        return graph(figure, kind="graph tall")
    wide = html.Div(graph(figure, kind="graph models"), style={"minWidth": f"{180 + 58 * len(columns)}px"})
    return html.Div(wide, className="scroll")


def models_tab(page: OpenedComparison, scheme: str) -> Any:
    """Sharpness, calibration and accuracy of every model."""
    if not page.single:
        return nothing("No measures of single models", "This comparison asked about pairs only.")
    first = page.measure
    order = page.order(page.matrix(first, page.layer(first)) if first else None)
    note = "Colours compare within a column; darker is smaller where lower is better, larger everywhere else."
    return html.Div(
        [
            html.H2("Each model"),
            html.P(note, className="quiet"),
            trouble(page.mixture) if page.mixture else None,
            models_figure(page, order, scheme),
        ],
        className="picture full",
    )


def multiples_tab(page: OpenedComparison, scheme: str, *, most: int | None = None) -> Any:
    """Every measure (or the first so many) as a small matrix, all in one order."""
    first = page.measure
    if first is None:
        return nothing("No measures of pairs", "This comparison asked about single models only.")
    order = page.order(page.matrix(first, page.layer(first)))
    tiles, left_out = [], 0
    for measure in page.pairwise[:most]:
        layers: list[str | None] = [*page.layers(measure)]
        for layer in layers or [None]:
            card = page.card(measure)
            try:
                block = page.block(page.as_read(measure, layer)).ordered(order)
            except ClientError:
                left_out += 1
                continue
            view = page.view.but(tab="matrix", measure=measure.key, layer=layer or "")
            tiles.append(
                link(
                    [
                        still(miniature(block, card, scheme=scheme), kind="graph mini"),
                        html.Span(named(card), className="mini-title"),
                        html.Span(layer or "", className="quiet mini-layer"),
                    ],
                    page.href(view),
                    className="mini-link",
                )
            )
    note = f"All in the order of {page.cards[first.slug].title}. Dark means alike. Choose one to enlarge it."
    if left_out:
        note += f" {left_out} cannot be read that way and are left out."
    return html.Div([html.P(note, className="quiet"), html.Div(tiles, className="minis")])


def map_tab(page: OpenedComparison, scheme: str) -> Any:
    """Models as points."""
    measure = page.measure
    raw = None if measure is None else page.matrix(measure, page.layer(measure))
    if raw is None or not raw.header.places or len(raw.header.places) != len(raw.header.ids):
        return nothing("No map yet", "The map is drawn when all pairs are computed.")
    block = page.block(raw)
    figure = model_map(raw.header.places, block.labels, block.groups, ids=block.ids, scheme=scheme)
    note = "Classical scaling: distances on the map stand for the measure's, as well as two dimensions can."
    return html.Div(
        [html.H2(named(page.cards[raw.header.slug])), html.P(note, className="quiet"), graph(figure, kind="graph map")],
        className="picture full",
    )


def pair_tab(page: OpenedComparison, _scheme: str, *, between: Any = None) -> Any:
    """Two checkpoints side by side: every number, what lies between them, and where they disagree."""
    a, b = page.view.a, page.view.b
    names = {i: c.name for i, c in page.checkpoints.items()}
    if a not in names or b not in names or a == b:
        return nothing("Choose a pair", "Select a cell of the matrix, then come back here.")
    return html.Div(
        [
            html.H2(f"{names[a]} and {names[b]}"),
            between,
            pair_numbers(page),
            html.H2("Where they disagree"),
            disagreements(page, names),
        ],
        className="picture full",
    )


def pair_numbers(page: OpenedComparison) -> Any:
    """Every measure of the selected pair with its rank."""
    rows = []
    gaps = _gaps(page)
    for cell in page.comparison.pair(page.view.a, page.view.b):
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
    return html.Div(html.Table([html.Thead(head), html.Tbody(rows)], className="numbers"), className="scroll")


def _gaps(page: OpenedComparison) -> dict[tuple[str, str | None], list[Any]]:
    """Differences of the selected pair to the held one, by measure and layer."""
    v = page.view
    if v.c not in page.checkpoints or v.d not in page.checkpoints or v.c == v.d or (v.c, v.d) == (v.a, v.b):
        return {}
    gaps = page.comparison.differences((v.a, v.b), (v.c, v.d))
    return {(gap.measure, gap.layer): [html.Div(difference(gap), className="gap")] for gap in gaps}


def disagreements(page: OpenedComparison, names: dict[int, str]) -> Any:
    """Samples to which the two give different classes."""
    a, b = page.view.a, page.view.b
    try:
        found = page.comparison.disagreements(a, b)
    except ClientError as error:
        return html.P(str(error), className="quiet")
    if not found.total:
        return html.P("They give every sample the same class.", className="quiet")
    tiles = []
    for sample in found.samples:
        image = picture(sample.values, sample.shape)
        shown = html.Img(src=image, alt=f"sample {sample.sample}") if image else html.Span(f"#{sample.sample}")
        says = [
            html.Span(f"{names[i][:18]}: {said.predicted} ({said.confidence:.2f})")
            for i, said in ((a, sample.a), (b, sample.b))
        ]
        label = "" if sample.label is None else f"label {sample.label}"
        tiles.append(html.Figure([shown, html.Figcaption([html.Strong(label), *says])], className="sample"))
    shown_of = f"{found.total} samples; the most confident disagreements first."
    return html.Div([html.P(shown_of, className="quiet"), html.Div(tiles, className="samples")])


def layers_tab(page: OpenedComparison, scheme: str) -> Any:
    """Layer against layer of the selected pair."""
    a, b = page.view.a, page.view.b
    names = {i: c.name for i, c in page.checkpoints.items()}
    if a not in names or b not in names:
        return nothing("Choose a pair", "Select a cell of the matrix: its layers are compared here.")
    crossed = [m for m in page.pairwise if any(x != y for x, y in m.layers)]
    if crossed:
        measure = crossed[0]
        low, high = min(a, b), max(a, b)
        found = page.comparison.layer_matrix(measure.key, low, high)
        figure = layer_heatmap(
            found.values.array(), found.labels, page.cards[measure.slug], names=(names[low], names[high]), scheme=scheme
        )
        return html.Div(
            [html.H2(named(page.cards[measure.slug])), graph(figure, kind="graph layers")], className="picture full"
        )
    if page.is_shared:
        return nothing("No layers here", "This comparison did not ask for layer against layer.")
    return nothing(
        "Layer against layer",
        f"{names[a]} and {names[b]}: linear CKA of every layer with every layer, as a comparison of its own.",
        dmc.Button("Compute", id="compute-layers"),
        html.Div(id="layers-trouble"),
    )


def log_tab(page: OpenedComparison) -> Any:
    """What was asked, and what failed."""
    d = page.comparison.details
    lines = [
        f"Asked {d.created:%Y-%m-%d %H:%M} UTC: {len(d.checkpoints)} checkpoints on {d.probe}"
        + (f", sharpness on {d.train_probe}" if d.train_probe else "")
        + ".",
        f"Layers: {', '.join(d.layers)}; reduction {d.reduction}; precision {d.precision}; seed {d.seed}.",
        *[f"{m.key} version {m.version}: {settings_of(m) or 'no parameters'}" for m in d.measures],
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
