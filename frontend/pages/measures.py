"""The page of all measures: found by a word, opened one at a time."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from kinscape.backend.contracts.cards import Card, Topic
from kinscape.backend.contracts.words import counted
from kinscape.client import Client, ClientError
from kinscape.frontend.access import Access
from kinscape.frontend.components.cards import card_of, named
from kinscape.frontend.components.frame import link
from kinscape.frontend.wiring import on

# All cards at once, each with its formula, take a browser twenty seconds.
OPENED = "measure"


def page(client: Client, query: dict[str, str]) -> Any:
    """Every measure by topic in a line; the one that the address names whole."""
    cards = client.measures()
    return html.Div(
        [
            html.Div(
                [
                    html.H1("Measures"),
                    html.Span(counted(len(cards), "measures"), className="quiet"),
                    dmc.TextInput(
                        id="measure-find",
                        placeholder="Find: sharpness, CKA, Guo 2017 …",
                        debounce=200,
                        className="filter",
                        **{"aria-label": "Find a measure"},
                    ),
                ],
                className="bar",
            ),
            html.P(
                "Each says what the number is and when not to trust it. Choose one for its formula, range and source.",
                className="quiet",
            ),
            html.Div(_listed(cards, "", query.get(OPENED, "")), id="measure-list"),
        ],
        className="measures",
    )


def fits(card: Card, text: str) -> bool:
    """Whether every word stands somewhere on a card."""
    whole = " ".join((card.title, card.slug, card.summary, card.family, card.topic, card.source, card.pitfalls)).lower()
    return all(word in whole for word in text.lower().split())


def _listed(cards: list[Card], text: str, opened: str) -> list[Any]:
    out: list[Any] = []
    for topic in Topic:
        mine = [card for card in cards if card.topic is topic and fits(card, text)]
        if mine:
            out.append(html.H2(topic.value))
            out += [_line(card, is_open=card.slug == opened) for card in mine]
    return out or [html.P("No measure fits.", className="quiet")]


def _line(card: Card, *, is_open: bool) -> Any:
    address = "/measures" if is_open else f"/measures?{urlencode({OPENED: card.slug})}"
    line = html.Div(
        [
            link(card.title if is_open else named(card), address, className="study-name"),
            html.Code(card.slug),
            html.Span(card.summary, className="quiet"),
        ],
        className="study",
    )
    return html.Div([line, card_of(card, id=f"card-{card.slug}")], className="opened") if is_open else line


def register(app: Dash, access: Access) -> None:
    """Finding, opening, and the card of the measure that is pointed at."""

    @on(
        app,
        Output("measure-list", "children"),
        Input("measure-find", "value"),
        Input("address", "search"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def find(text: str | None, search: str | None, path: str) -> Any:
        if path.strip("/") != "measures":
            return no_update
        opened = dict(parse_qsl((search or "").lstrip("?"))).get(OPENED, "")
        return _listed(list(access.cards(access.client(path)).values()), (text or "")[:200], opened)

    @on(
        app,
        Output("pointed-card", "children"),
        Input("card-asked", "data"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def point(asked: str, path: str) -> Any:
        slug = asked.strip()
        try:
            card = access.cards(access.client(path)).get(slug)
        except ClientError:
            return no_update
        return no_update if card is None else card_of(card, **{"data-of": slug})
