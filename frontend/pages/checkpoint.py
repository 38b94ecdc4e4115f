"""A checkpoint's page: where it comes from, where it was compared, its numbers, who is nearest, its tensors."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any
from urllib.parse import urlencode

from dash import html

from kinscape.backend.contracts.cards import Card
from kinscape.backend.contracts.checkpoints import Checkpoint, Level
from kinscape.backend.contracts.portraits import Appearance, Neighbourhood, OwnNumber, Portrait, StoredTensor
from kinscape.backend.contracts.words import counted, number
from kinscape.client import Client
from kinscape.frontend.access import Access
from kinscape.frontend.components.frame import link
from kinscape.frontend.components.words import fact, kind_badge, nothing, state_badge
from kinscape.frontend.pages.comparison.opened import OpenedComparison
from kinscape.frontend.pages.comparison.tabs.curves import of_one
from kinscape.frontend.view import View

# Longer lists are folded.
FEW_TENSORS = 12
FEW_RELATIVES = 8
# Comparisons in which curves are looked for.
FEW_COMPARISONS = 3


def page(access: Access, client: Client, id: int, *, scheme: str) -> Any:
    """The whole page."""
    found = client.checkpoint(id).portrait()
    cards = {card.slug: card for card in client.measures()} if found.numbers or found.neighbourhoods else {}
    return html.Div(
        [
            _head(found),
            html.Div(
                [
                    html.Section(
                        [
                            *_numbers(found.numbers, cards, found.checkpoint),
                            *_curves(access, client, found, scheme),
                            *_tensors(found.tensors),
                        ]
                    ),
                    html.Aside(
                        [
                            *_about(found),
                            *_relatives(found),
                            *_neighbours(found.neighbourhoods, cards, found.checkpoint),
                            *_appearances(found.appearances, found.checkpoint),
                        ],
                        **{"aria-label": "About this checkpoint"},
                    ),
                ],
                className="study-columns",
            ),
        ],
        className="one-checkpoint",
        id="one-checkpoint",
    )


def _head(found: Portrait) -> Any:
    one = found.checkpoint
    badges = [kind_badge(one.level.words), state_badge(one.state.value)]
    if one.level is not Level.WEIGHTS:
        badges.append(state_badge(one.verification.verdict.value))
    crumbs = [link(found.project_name, f"/projects/{found.project}"), html.Span("Checkpoint")]
    notes = [note for note in (one.reason, one.verification.sentence, *found.told) if note]
    return html.Div(
        [
            html.Div(crumbs, className="crumbs quiet"),
            html.Div([html.H1(one.name), *badges], className="bar study-head"),
            *[html.P(note, className="quiet") for note in notes],
            html.P(one.notes, className="notes") if one.notes else None,
        ]
    )


def _about(found: Portrait) -> list[Any]:
    one = found.checkpoint
    tags = " ".join(f"{name}={value}" for name, value in one.tags.items())
    arguments = ", ".join(f"{name}={value}" for name, value in one.arguments.items())
    facts = {
        "Group": one.group,
        "Tags": tags,
        "Architecture": f"{one.architecture}({arguments})" if one.architecture else one.kind,
        "Parameters": f"{one.parameters:,}" if one.parameters else "",
        "Size": f"{one.size_bytes / 2**20:.2f} MiB" if one.size_bytes else "",
        "Run": one.run,
        "Step": "" if one.step is None else f"{one.step:,}",
        "Layers": str(len(one.layers)) if one.layers else "",
        "Not finite": f"{one.non_finite:,} weights" if one.non_finite else "",
        "Weights, sha256": (one.content_hash or "")[:16],
        "Uploaded": f"{one.created:%Y-%m-%d %H:%M}",
        **{name: number(float(value)) for name, value in one.metrics.items()},
    }
    return [fact(name, value) for name, value in facts.items() if value]


def _relatives(found: Portrait) -> list[Any]:
    if not found.relatives:
        return [html.H2("Lineage"), html.P("Nothing is known of where it comes from.", className="quiet")]
    rows = [
        html.Li([link(one.name, f"/checkpoint/{one.id}"), html.Span(f" {one.relation}", className="quiet")])
        for one in found.relatives
    ]
    few, rest = rows[:FEW_RELATIVES], rows[FEW_RELATIVES:]
    more = [html.Details([html.Summary(f"{len(rest)} more"), html.Ul(rest)])] if rest else []
    return [html.H2("Lineage"), html.Ul(few, className="names"), *more]


def _title(cards: Mapping[str, Card], slug: str, layer: str | None) -> str:
    title = cards[slug].title if slug in cards else slug
    return f"{title}, {layer}" if layer else title


def _view(comparison: int, **view: Any) -> str:
    return f"/comparison/{comparison}?{urlencode({k: v for k, v in view.items() if v})}"


def _numbers(numbers: Sequence[OwnNumber], cards: Mapping[str, Card], one: Checkpoint) -> list[Any]:
    if not numbers:
        return [
            html.H2("Numbers"),
            nothing("No numbers yet", "A comparison with measures of single models brings them here."),
        ]
    topics: dict[str, list[OwnNumber]] = {}
    for own in numbers:
        topics.setdefault(cards[own.slug].topic.value if own.slug in cards else "Others", []).append(own)
    head = html.Tr([html.Th(text, scope="col") for text in ("Measure", "Value, 95 % interval", "Rank", "On")])
    body: list[Any] = []
    for topic, mine in topics.items():
        body.append(html.Tr(html.Th(topic, colSpan=4, scope="colgroup", className="group-row")))
        body += [_number(own, cards, one) for own in mine]
    table = html.Table([html.Thead(head), html.Tbody(body)], className="numbers effects")
    return [html.H2("Numbers"), _scrolled(table, "Numbers")]


def _curves(access: Access, client: Client, found: Portrait, scheme: str) -> list[Any]:
    """Reliability, spectrum and what else stands behind its numbers, from the newest comparison that has any."""
    for number_of in list(dict.fromkeys(own.comparison for own in found.numbers))[:FEW_COMPARISONS]:
        comparison = client.comparison(number_of)
        path = f"/comparison/{number_of}"
        opened = OpenedComparison(access, client, comparison, View(a=found.checkpoint.id), path)
        made = of_one(opened, found.checkpoint.id, scheme)
        if made:
            told = ["From ", link(comparison.name or f"comparison {number_of}", _view(number_of, tab="curves"))]
            return [html.H2("Curves"), html.P(told, className="quiet"), html.Div(made, className="curves")]
    return []


def _scrolled(table: Any, name: str) -> Any:
    """A table that a narrow screen moves under itself, by keyboard too."""
    return html.Div(table, className="scroll", tabIndex=0, role="region", **{"aria-label": name})


def _number(own: OwnNumber, cards: Mapping[str, Card], one: Checkpoint) -> Any:
    name = link(_title(cards, own.slug, own.layer), _view(own.comparison, tab="models", a=one.id))
    if own.value is None:
        value: list[Any] = [html.Span(own.sentence, className="quiet")]
    else:
        value = [html.Span(number(own.value), className="number", title=repr(own.value))]
        if own.low is not None and own.high is not None:
            value.append(html.Span(f" {number(own.low)} – {number(own.high)}", className="interval"))
    rank = "" if own.rank is None else f"{own.rank}/{own.of}"
    return html.Tr(
        [
            html.Td(html.Span(name, **{"data-card": own.slug})),
            html.Td(value),
            html.Td(rank, className="quiet", title="Place among the checkpoints of that comparison, the lowest first"),
            html.Td(own.probe, className="quiet"),
        ]
    )


def _neighbours(hoods: Sequence[Neighbourhood], cards: Mapping[str, Card], one: Checkpoint) -> list[Any]:
    out: list[Any] = []
    for hood in hoods:
        out.append(
            html.H2(["Nearest by ", html.Span(_title(cards, hood.slug, hood.layer), **{"data-card": hood.slug})])
        )
        rows = []
        for near in hood.nearest:
            view = _view(hood.comparison, tab="pair", measure=hood.measure, layer=hood.layer, a=one.id, b=near.id)
            ends = "" if near.low is None or near.high is None else f" {number(near.low)} – {number(near.high)}"
            rows.append(
                html.Tr(
                    [
                        html.Td(link(near.name, f"/checkpoint/{near.id}")),
                        html.Td([link(number(near.value), view), html.Span(ends, className="interval")]),
                    ]
                )
            )
        out.append(html.Table(html.Tbody(rows), className="numbers"))
    return out


def _appearances(shown: Sequence[Appearance], one: Checkpoint) -> list[Any]:
    if not shown:
        return []
    rows = [
        html.Li(
            [
                link(c.name or f"Comparison {c.id}", _view(c.id, tab="matrix", a=one.id)),
                html.Span(f" {counted(c.models, 'checkpoints')} on {c.probe}, {c.state}", className="quiet"),
            ]
        )
        for c in shown
    ]
    return [html.H2("Compared in"), html.Ul(rows, className="names")]


def _tensors(tensors: Sequence[StoredTensor]) -> list[Any]:
    if not tensors:
        return []
    head = html.Tr([html.Th(text, scope="col") for text in ("Tensor", "Type", "Shape", "Numbers")])
    rows = [
        html.Tr(
            [
                html.Td(t.name),
                html.Td(t.dtype, className="quiet"),
                html.Td("×".join(map(str, t.shape)) or "scalar"),
                html.Td(f"{prod(t.shape):,}"),
            ]
        )
        for t in tensors
    ]
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="numbers")
    summary = html.Summary(counted(len(tensors), "tensors"))
    return [html.H2("Tensors"), html.Details([summary, _scrolled(table, "Tensors")], open=len(tensors) <= FEW_TENSORS)]
