"""A matrix read raw, above chance, or against the band of independent seeds."""

import math
from collections.abc import Callable

from sqlalchemy.orm import Session

from backend.actions import grouping, reading
from backend.contracts.cards import Arity, Card, Direction
from backend.contracts.cells import above_chance
from backend.contracts.comparisons import Matrix, MissingCell, Numbers, Reading
from backend.contracts.problems import Unprocessable

NAN = float("nan")


def matrix(
    session: Session, id: int, measure: str, *, layer: str | None, other: str | None, as_read: Reading,
    seeds: str | None = None,
) -> Matrix:  # fmt: skip
    """One measure of all pairs as it is to be read.

    Args:
        seeds: group whose unrelated networks are the band of independent seeds.
    """
    raw = reading.matrix(session, id, measure, layer=layer, other=other)
    if as_read is Reading.RAW:
        return raw
    opened = reading.open_measure(session, id, measure, layer=layer, other=other)
    card = opened.card
    if card.arity is not Arity.PAIR:
        raise Unprocessable(f"{card.slug} is about single models: it has neither a chance level nor a band of seeds.")
    if as_read is Reading.AGAINST_SEEDS:
        band = grouping.seed_band(session, id, opened.name, layer=raw.layer, other=raw.other_layer, group=seeds)
        if band.deviation <= 0:
            raise Unprocessable("All pairs of seeds have the same value, so nothing can be measured against them.")
        sign = 1 if card.direction is Direction.HIGHER_IS_ALIKE else -1

        def against(_i: int, _j: int, value: float) -> float | str:
            return sign * (value - band.mean) / band.deviation

        return _changed(raw, against).model_copy(update={"reading": as_read, "band": band})
    if not card.has_chance_level:
        raise Unprocessable(f"{card.slug} has no chance level: it does not go through samples one by one.")
    if card.identical is None:
        raise Unprocessable(f"{card.slug} has no value of full agreement, so nothing lies between chance and it.")
    found = reading.cells_of(session, opened)

    def over_chance(i: int, j: int, value: float) -> float | str:
        if i == j and opened.question.layer_a == opened.question.layer_b:
            return 1.0
        cell = reading.find(found, opened, raw.ids[i], raw.ids[j])
        chance = None if cell is None else cell.rest.get("notes", {}).get("chance")
        if chance is None:
            return "Its chance level was not computed with it; ask again with a new comparison."
        return _over(card, value, float(chance))

    return _changed(raw, over_chance).model_copy(update={"reading": as_read})


def _over(card: Card, value: float, chance: float) -> float | str:
    adjusted = above_chance(value, chance=chance, identical=card.identical or 0.0)
    return "Unrelated models would score the same as identical ones here." if adjusted is None else adjusted


def _changed(raw: Matrix, change: Callable[[int, int, float], float | str]) -> Matrix:
    grids = [numbers.rows() for numbers in (raw.values, raw.low, raw.high)]
    out = [[[NAN] * len(raw.ids) for _ in raw.ids] for _ in grids]
    missing = list(raw.missing)
    for i in range(len(raw.ids)):
        for j in range(len(raw.ids)):
            if not math.isfinite(grids[0][i][j]):
                continue
            answers = [change(i, j, grid[i][j]) for grid in grids]
            if isinstance(answers[0], str):
                missing.append(MissingCell(row=i, column=j, why="not-applicable", sentence=answers[0]))
                continue
            value, *ends = [a for a in answers if isinstance(a, float)]
            out[0][i][j] = value
            out[1][i][j], out[2][i][j] = min(ends), max(ends)
    packed = [Numbers.of(grid) for grid in out]
    return raw.model_copy(update={"values": packed[0], "low": packed[1], "high": packed[2], "missing": missing})
