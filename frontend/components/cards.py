"""Cards of measures: whole on their page, and beside a measure's name while it is pointed at."""

from typing import Any

from dash import dcc, html

from kinscape.backend.contracts.cards import Card, Role
from kinscape.backend.contracts.words import number
from kinscape.frontend.components.words import fact, kind_badge


def named(card: Card, text: str = "") -> Any:
    """The name of a measure; pointing at it, or moving to its link by keyboard, shows its card."""
    return html.Span(text or card.title, **{"data-card": card.slug})


def pointed_at() -> Any:
    """Where the card of what is pointed at appears; the browser asks for it and places it."""
    card = html.Div(id="pointed-card", className="pointed-card", role="tooltip")
    return html.Div([dcc.Store(id="card-asked", data=""), card])


def card_of(card: Card, **more: Any) -> Any:
    """One card."""
    low = "−∞" if card.low is None else number(card.low)
    high = "∞" if card.high is None else number(card.high)
    facts = [
        fact("Range", f"{low} to {high}; {card.direction.value}"),
        fact("Symmetric", "yes" if card.symmetric else "no"),
        fact("Reads", card.input.value if card.role is Role.NONE else f"{card.input.value}, {card.role.value} samples"),
        fact("Interval", card.uncertainty.value),
        fact("Reliable from", card.reliable_from),
        fact("Source", card.source),
    ]
    if card.identical is not None:
        facts.insert(1, fact("With itself", number(card.identical)))
    chips = [kind_badge(c.value) for c in sorted(card.ignores)]
    settings = [
        html.Div(
            f"{p.name} = {p.default}: {p.help}" + (f" One of {', '.join(p.choices)}." if p.choices else ""),
            className="quiet",
        )
        for p in card.parameters
    ]
    return html.Article(
        [
            html.Div([html.H3(card.title), html.Code(card.slug)], className="card-head"),
            html.P(card.summary),
            dcc.Markdown(f"$${card.formula}$$", mathjax=True, className="formula"),
            *facts,
            html.Div(
                [
                    html.Span("Ignores", className="fact-name"),
                    html.Div(chips or "none", className="chips"),
                ],
                className="fact",
            ),
            html.P(card.pitfalls, className="pitfall"),
            *settings,
        ],
        className="card",
        **more,
    )
