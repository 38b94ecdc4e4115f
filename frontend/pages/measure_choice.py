"""Choosing measures: sets by question first, single ones below, what is chosen always in sight."""

from typing import Any

import dash_mantine_components as dmc
from dash import html

from kinscape.backend.contracts.cards import Arity, Card, Pace, Topic
from kinscape.frontend.components.cards import named

COST = {"product": "fast", "pair": "moderate", "path": "slow"}
FIRST_MEASURES = ("disagreement", "linear-cka", "accuracy")
# What answers each question of a reader who does not yet know the measures.
SETS: dict[str, tuple[str, ...]] = {
    "Function": ("disagreement", "js-divergence", "activation-distance", "error-consistency"),
    "Representation": ("linear-cka", "procrustes", "mutual-knn", "rsa"),
    "Weights": ("weight-cosine", "weight-l2", "mask-iou"),
    "Between minima": ("loss-barrier", "loss-barrier-matched", "chord-curvature"),
    "Sharpness": ("hessian-trace", "hessian-top-eigenvalue", "sam-sharpness", "train-loss"),
    "Calibration": ("accuracy", "nll", "ece-debiased", "brier"),
    "Robustness": ("corruption-accuracy", "noise-accuracy", "pgd-accuracy"),
}
QUICK = "Everything quick"


def sets_of(cards: list[Card]) -> dict[str, tuple[str, ...]]:
    """The sets that can be asked for here: all that is quick, and by question what workers offer."""
    known = {c.slug: c for c in cards}
    topics = (Topic.FUNCTIONAL_SIMILARITY, Topic.REPRESENTATIONAL_SIMILARITY, Topic.CALIBRATION)
    quick = tuple(
        c.slug
        for c in cards
        if c.topic in topics and (c.arity is Arity.MODEL or c.pace is Pace.PRODUCT) and c.references == (0, 0)
    )
    offered = {name: tuple(s for s in slugs if s in known) for name, slugs in SETS.items()}
    return {name: slugs for name, slugs in {**offered, QUICK: quick}.items() if slugs}


def toggled(chosen: list[str], slugs: tuple[str, ...]) -> list[str]:
    """With a set, or without it where all of it was chosen."""
    if all(slug in chosen for slug in slugs):
        return [slug for slug in chosen if slug not in slugs]
    return list(dict.fromkeys([*chosen, *slugs]))


def set_buttons(cards: list[Card]) -> Any:
    """A button for each set."""
    titles = {c.slug: c.title for c in cards}
    return html.Div(
        [
            html.Button(
                name,
                id={"measure-set": name},
                className="chip set",
                type="button",
                title=", ".join(titles[s] for s in slugs) if len(slugs) < 8 else f"{len(slugs)} measures",
            )
            for name, slugs in sets_of(cards).items()
        ],
        className="chips",
    )


def chips(chosen: list[str], cards: dict[str, Card]) -> Any:
    """What is chosen, each with a way to drop it."""
    return [
        html.Button(
            [named(cards[slug]), html.Span(" ×", **{"aria-hidden": "true"})],
            id={"drop-measure": slug},
            className="chip here",
            type="button",
            **{"aria-label": f"Drop {cards[slug].title}"},
        )
        for slug in chosen
        if slug in cards
    ]


def question_list(cards: list[Card], chosen: list[str]) -> Any:
    """Every measure to choose from, under its topic."""
    out = []
    for topic in Topic:
        mine = [c for c in cards if c.topic is topic]
        if mine:
            out.append(html.H3(topic.value))
            out.append(html.Div([_choice(c) for c in mine], className="choices"))
    find = dmc.TextInput(id="find-measure", placeholder="Find a measure", **{"aria-label": "Find a measure"})
    none = html.P("No measure fits these words.", id="find-none", className="quiet", hidden=True)
    return html.Div([find, none, dmc.CheckboxGroup(id="ask-measures", value=chosen, children=html.Div(out))])


def _choice(card: Card) -> Any:
    cost = COST[card.pace.value] if card.arity is Arity.PAIR else "per model"
    box = dmc.Checkbox(value=card.slug, label=named(card), description=f"{card.summary} ({cost})", size="sm")
    more = [card.slug, card.reliable_from, card.pitfalls, card.source, *sorted(card.ignores)]
    return html.Div(box, className="choice", **{"data-words": " ".join(more)})
