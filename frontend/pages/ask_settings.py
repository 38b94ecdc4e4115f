"""What a comparison is computed with: seed, precision, pairs of layers, and the parameters of each measure."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import html

from kinscape.backend.contracts.cards import Card, Parameter
from kinscape.backend.contracts.comparisons import Comparison as Described
from kinscape.backend.contracts.comparisons import LayerPairs, Precision
from kinscape.frontend.components.cards import named

# By measure, then by parameter; checkpoints that a measure needs beside those compared stand under REFERENCES.
Settings = dict[str, dict[str, Any]]
REFERENCES = "references"
LARGEST_SEED = 2**31 - 1


def of_all(before: Described | None) -> Any:
    """Settings that all measures share, folded until they are wanted."""
    pairs = LayerPairs.SAME if before is None else before.layer_pairs
    precision = Precision.FLOAT32 if before is None else before.precision
    seed = 0 if before is None else before.seed
    fields = [
        dmc.Select(
            id="ask-pairs",
            label="Pairs of layers",
            data=[
                {"value": LayerPairs.SAME, "label": "The same layer on both sides"},
                {"value": LayerPairs.ALL, "label": "Every layer with every other"},
            ],
            value=pairs,
            allowDeselect=False,
        ),
        dmc.Select(
            id="ask-precision",
            label="Precision of forward passes",
            data=[p.value for p in Precision],
            value=precision,
            allowDeselect=False,
        ),
        dmc.NumberInput(
            id="ask-seed",
            label="Seed of random draws",
            value=seed,
            min=0,
            max=LARGEST_SEED,
            allowDecimal=False,
            description="Of noise, corruptions, subsamples; the same seed gives the same numbers.",
        ),
    ]
    changed = (pairs, precision, seed) != (LayerPairs.SAME, Precision.FLOAT32, 0)
    return html.Details([html.Summary("Seed, precision, pairs of layers"), *fields], open=changed, className="more")


def asked_before(before: Described | None) -> Settings:
    """The settings of a comparison whose choices are taken."""
    if before is None:
        return {}
    return {
        m.slug: {**m.parameters, **({REFERENCES: [str(r) for r in m.references]} if m.references else {})}
        for m in before.measures
    }


def of_measures(cards: Iterable[Card], typed: Settings, checkpoints: list[dict[str, str]]) -> list[Any]:
    """A folded form for each measure that has anything to set; open where something must be chosen or was changed.

    Args:
        cards: of the chosen measures.
        typed: what was typed so far; defaults stand for the rest.
        checkpoints: choices of checkpoints that a measure may need.
    """
    forms = [_form(c, typed.get(c.slug, {}), checkpoints) for c in cards if c.parameters or c.references[1]]
    if not forms:
        return []
    return [html.H3("Parameters of measures"), *forms]


def _form(card: Card, typed: Mapping[str, Any], checkpoints: list[dict[str, str]]) -> Any:
    fields = [_field(card.slug, p, typed.get(p.name, p.default)) for p in card.parameters]
    if card.references[1]:
        fewest, most = card.references
        fields.insert(
            0,
            dmc.MultiSelect(
                id={"setting": card.slug, "name": REFERENCES},
                label="Checkpoints it needs" + (f" ({fewest})" if fewest == most else f" ({fewest} or more)"),
                description=card.references_help[:1].upper() + card.references_help[1:],
                data=checkpoints,
                value=typed.get(REFERENCES, []),
                maxValues=most,
                searchable=True,
                size="xs",
            ),
        )
    changed = any(typed.get(p.name, p.default) != p.default for p in card.parameters)
    wants = bool(card.references[0]) and len(typed.get(REFERENCES, ())) < card.references[0]
    note = html.Span(" changed", className="quiet") if changed else None
    return html.Details([html.Summary([named(card), note]), *fields], open=changed or wants, className="more")


def _field(slug: str, parameter: Parameter, value: Any) -> Any:
    about: dict[str, Any] = {
        "id": {"setting": slug, "name": parameter.name},
        "label": parameter.name,
        "description": f"{parameter.help} Usually {parameter.default}.",
        "value": value,
        "size": "xs",
    }
    if parameter.choices:
        return dmc.Select(data=list(parameter.choices), allowDeselect=False, **about)
    bounds = {k: v for k, v in (("min", parameter.minimum), ("max", parameter.maximum)) if v is not None}
    return dmc.NumberInput(allowDecimal=not isinstance(parameter.default, int), decimalScale=12, **bounds, **about)


def typed_in(fields: Iterable[Mapping[str, Any]]) -> Settings:
    """What stands in the forms, by measure and parameter; an emptied field is its default.

    Args:
        fields: each with an ``id`` of a setting and, unless it is empty, a ``value``.
    """
    out: Settings = {}
    for field in fields:
        value = field.get("value")
        if value not in (None, "", []):
            out.setdefault(field["id"]["setting"], {})[field["id"]["name"]] = value
    return out


def requests(slugs: Iterable[str], cards: Mapping[str, Card], typed: Settings) -> list[str | dict[str, Any]]:
    """The measures to ask for: by name alone, or with what differs from the defaults."""
    out: list[str | dict[str, Any]] = []
    for slug in slugs:
        mine = typed.get(slug, {})
        usual = {p.name: p.default for p in cards[slug].parameters} if slug in cards else {}
        parameters = {k: _plain(mine[k], d) for k, d in usual.items() if k in mine and mine[k] != d}
        references = [int(r) for r in mine.get(REFERENCES, ())]
        out.append(
            {"slug": slug, "parameters": parameters, REFERENCES: references} if parameters or references else slug
        )
    return out


def _plain(value: Any, default: float | str) -> Any:
    """A typed number in the type of its parameter where that loses nothing."""
    if isinstance(default, int) and isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return value
