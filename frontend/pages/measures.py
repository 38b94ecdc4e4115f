"""The page of all measures."""

from typing import Any

from dash import Dash, Input, Output, State, html, no_update

from kinscape.backend.contracts.cards import Topic
from kinscape.client import Client, ClientError
from kinscape.frontend.access import Access
from kinscape.frontend.components.cards import card_of
from kinscape.frontend.wiring import on


def page(client: Client) -> Any:
    """Every card, by topic."""
    cards = client.measures()
    out: list[Any] = [
        html.H1("Measures"),
        html.P(
            f"{len(cards)} measures. Each card says what the number is and when not to trust it.", className="quiet"
        ),
    ]
    for topic in Topic:
        mine = [c for c in cards if c.topic is topic]
        if mine:
            out.append(html.H2(topic.value))
            out.append(html.Div([card_of(c, id=f"card-{c.slug}") for c in mine], className="cards"))
    return html.Div(out, className="measures")


def register(app: Dash, access: Access) -> None:
    """The card of the measure that is pointed at."""

    @on(
        app,
        Output("pointed-card", "children"),
        Input("card-asked", "data"),
        State("address", "pathname"),
        prevent_initial_call=True,
    )
    def point(slug: str, path: str) -> Any:
        try:
            card = access.cards(access.client(path)).get(slug)
        except ClientError:
            return no_update
        return no_update if card is None else card_of(card, **{"data-of": slug})
