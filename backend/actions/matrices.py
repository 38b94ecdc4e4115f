"""Matrices of a comparison as arrays, read raw, above chance or against independent seeds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from kinscape.backend.actions import groups, measures
from kinscape.backend.actions.measures import AskedQuestion
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.cell_arrays import Cells, Ints
from kinscape.backend.contracts.cells import Provenance, Reason, Why
from kinscape.backend.contracts.groups import Band
from kinscape.backend.contracts.matrices import MatrixHeader, MatrixLists, MissingCell, Numbers, Reading
from kinscape.backend.contracts.problems import NotFound, Unprocessable
from kinscape.backend.store import comparisons, matrices, questions

Floats = npt.NDArray[np.float64]
# Chance and identity closer than this leave nothing between them that is not rounding.
SMALLEST_SCALE = 1e-9
NOT_ASKED = Reason(why=Why.NOT_COMPUTED, sentence="Not asked for: this comparison names its pairs.")


@dataclass(frozen=True)
class MatrixArrays:
    """One measure of all pairs, or of all models in one column.

    Attributes:
        values, low, high: ``(models, models)`` or ``(models, 1)``; NaN where there is no number.
        told: positions in ``reasons`` for places without a number; -1 for the others.
    """

    header: MatrixHeader
    values: Floats
    low: Floats
    high: Floats
    told: Ints
    reasons: list[Reason]

    @property
    def missing(self) -> list[MissingCell]:
        """The places without a number, and why."""
        rows, columns = np.nonzero(self.told >= 0)
        codes = self.told[rows, columns].tolist()
        return [
            MissingCell(row=i, column=j, why=self.reasons[code].why, sentence=self.reasons[code].sentence)
            for i, j, code in zip(rows.tolist(), columns.tolist(), codes, strict=True)
        ]

    def document(self) -> MatrixLists:
        """The same as one JSON document."""
        packed = {name: Numbers.of(getattr(self, name)) for name in ("values", "low", "high")}
        return MatrixLists(**dict(self.header), **packed, missing=self.missing)


def matrix(
    session: Session, asked: AskedQuestion, *, reading: Reading = Reading.RAW, seeds: str | None = None
) -> MatrixArrays:
    """One measure of all pairs (or one column, for a measure of single models) as it is to be read.

    Args:
        seeds: group whose unrelated networks are the band of independent seeds.
    """
    cells = measures.cells_of(session, asked)
    index = index_of(asked, cells)
    raw = _raw(session, asked, cells, index)
    if reading is Reading.RAW:
        return raw
    if asked.card.arity is not Arity.PAIR:
        raise Unprocessable(
            f"{asked.card.title} is about single models: it has neither a chance level nor a band of seeds."
        )
    if reading is Reading.AGAINST_SEEDS:
        return _against_seeds(raw, asked, groups.seed_band(session, asked, raw.values, group=seeds))
    return _above_chance(raw, asked, np.append(cells.chance, np.nan)[index])


def index_of(asked: AskedQuestion, cells: Cells) -> Ints:
    """``(models, models)`` or ``(models, 1)`` position of each place's cell; -1 where there is none."""
    index = cells.index(asked.ids)
    if asked.card.arity is Arity.MODEL:
        return np.diag(index)[:, None].copy()
    # A symmetric pair is kept once, in either direction.
    return np.where(index < 0, index.T, index) if asked.card.symmetric and asked.has_one_layer else index


def _raw(session: Session, asked: AskedQuestion, cells: Cells, index: Ints) -> MatrixArrays:
    # Position -1, where there is no cell, meets what is appended.
    values, low, high = (np.append(getattr(cells, name), np.nan)[index] for name in ("values", "low", "high"))
    texts = [*cells.texts, measures.reason_of_nothing(asked.comparison.state)]
    told = np.append(cells.told, len(texts) - 1)[index]
    if asked.comparison.specification.pairs and asked.card.arity is Arity.PAIR:
        told[(index < 0) & ~_named(asked)] = len(texts)
        texts.append(NOT_ASKED)
    if asked.card.arity is Arity.PAIR and asked.has_one_layer and asked.card.identical is not None:
        own = np.flatnonzero(np.diag(index) < 0)
        for grid in (values, low, high):
            grid[own, own] = asked.card.identical
    known = np.isfinite(values)
    reasons = [t if isinstance(t, Reason) else Reason(why=Why.FAILED, sentence="") for t in texts]
    used = {texts[k] for k in np.flatnonzero(np.bincount(told[known & (index >= 0)])).tolist()}
    order = questions.order(session, asked.comparison.id, asked.question.id)
    is_whole = order is not None and len(order.positions) == len(asked.ids)
    header = MatrixHeader(
        measure=asked.name,
        slug=asked.card.slug,
        layer=asked.question.layer_a or None,
        other_layer=asked.question.layer_b or None,
        ids=asked.ids,
        labels=asked.labels,
        warnings=sorted({t.warning for t in used if isinstance(t, Provenance) and t.warning}),
        order=order.positions if order is not None and is_whole else [],
        merges=order.merges if order is not None else [],
        places=order.places if order is not None else [],
        role=asked.question.role,
        n=int(cells.samples[cells.has_number][:1].sum()),
        method=next((t.method for t in texts if isinstance(t, Provenance)), ""),
        version=asked.comparison.version,
    )
    return MatrixArrays(header, values, low, high, np.where(known, -1, told), reasons)


def _named(asked: AskedQuestion) -> npt.NDArray[np.bool_]:
    """``(models, models)`` whether a comparison that names its pairs names this one."""
    place = {id: k for k, id in enumerate(asked.ids)}
    named = np.zeros((len(asked.ids), len(asked.ids)), dtype=bool)
    for a, b in asked.comparison.specification.pairs:
        if a in place and b in place:
            named[place[a], place[b]] = named[place[b], place[a]] = True
    return named


def _against_seeds(raw: MatrixArrays, asked: AskedQuestion, band: Band) -> MatrixArrays:
    """Standard deviations from the mean of pairs of independent seeds; above 0 is more alike."""
    if band.deviation <= 0:
        raise Unprocessable("All pairs of seeds have the same value, so nothing can be measured against them.")
    sign = 1 if asked.card.higher_is_alike else -1
    changed = [sign * (grid - band.mean) / band.deviation for grid in (raw.values, raw.low, raw.high)]
    return _changed(raw, changed, reading=Reading.AGAINST_SEEDS, band=band)


def _above_chance(raw: MatrixArrays, asked: AskedQuestion, chance: Floats) -> MatrixArrays:
    """Where each value lies between chance (0) and identity (1)."""
    card = asked.card
    if not card.has_chance_level:
        raise Unprocessable(f"{card.title} has no chance level: it does not go through samples one by one.")
    if card.identical is None:
        raise Unprocessable(f"{card.title} has no value of full agreement, so nothing lies between chance and it.")
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = card.identical - chance
        changed = [(grid - chance) / scale for grid in (raw.values, raw.low, raw.high)]
    unknown, empty = np.isnan(chance), np.abs(scale) < SMALLEST_SCALE
    for grid in changed:
        grid[unknown | empty] = np.nan
        if asked.has_one_layer:
            np.fill_diagonal(grid, np.where(np.isfinite(np.diag(raw.values)), 1.0, np.nan))
    adjusted = _changed(raw, changed, reading=Reading.ABOVE_CHANCE)
    lost = np.isfinite(raw.values) & ~np.isfinite(adjusted.values)
    for where, sentence in (
        (unknown, "Its chance level was not computed with it; ask again with a new comparison."),
        (~unknown, "Unrelated models would score the same as identical ones here."),
    ):
        adjusted.told[lost & where] = len(adjusted.reasons)
        adjusted.reasons.append(Reason(why=Why.NOT_APPLICABLE, sentence=sentence))
    return adjusted


def _changed(raw: MatrixArrays, grids: list[Floats], *, reading: Reading, band: Band | None = None) -> MatrixArrays:
    values, one, other = grids
    header = raw.header.model_copy(update={"reading": reading, "band": band})
    return MatrixArrays(header, values, np.fmin(one, other), np.fmax(one, other), raw.told.copy(), [*raw.reasons])


def layer_matrix(session: Session, id: int, measure: str, *, a: int, b: int) -> MatrixLists:
    """Every layer of one checkpoint against every layer of another."""
    row = comparisons.get(session, id)
    measures.check_members(row, a, b)
    asked = [q for n, q in questions.of_comparison(session, id) if measure in (n, q.slug) and q.layer_a]
    if not asked:
        raise NotFound(f"This comparison did not ask for {measure!r} by layer.")
    layers = list(dict.fromkeys(q.layer_a for q in asked))
    by_layers = {(q.layer_a, q.layer_b): q.id for q in asked}
    cells = matrices.cells_of_pair(session, [q.id for q in asked], a, b)
    card = measures.card_of(session, asked[0].slug)
    grids = {name: np.full((len(layers), len(layers)), np.nan) for name in ("values", "low", "high")}
    missing = []
    for (first, second), question in by_layers.items():
        i, j = layers.index(first), layers.index(second)
        found = _cell(cells.get(question), a, b)
        if found is None and card.symmetric:
            found = _cell(cells.get(by_layers.get((second, first), -1)), b, a)
        reason = measures.reason_of_nothing(row.state)
        if found is not None:
            some, k = found
            if some.has_number[k]:
                for name, grid in grids.items():
                    grid[i, j] = getattr(some, name)[k]
                continue
            text = some.texts[int(some.told[k])]
            reason = text if isinstance(text, Reason) else reason
        elif a == b and first == second and card.identical is not None:
            for grid in grids.values():
                grid[i, j] = card.identical
            continue
        missing.append(MissingCell(row=i, column=j, why=reason.why, sentence=reason.sentence))
    packed = {name: Numbers.of(grid) for name, grid in grids.items()}
    header = MatrixHeader(
        measure=measure,
        slug=card.slug,
        layer=None,
        other_layer=None,
        ids=[a, b],
        labels=layers,
        warnings=[],
        version=row.version,
    )
    return MatrixLists(**dict(header), **packed, missing=missing)


def _cell(cells: Cells | None, a: int, b: int) -> tuple[Cells, int] | None:
    """The cell of this pair in this direction, with its position."""
    if cells is None:
        return None
    where = np.flatnonzero((cells.a == a) & (cells.b == b))
    return (cells, int(where[0])) if len(where) else None
