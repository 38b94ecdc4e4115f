"""Matrices, tables, pairs: what a comparison found."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from sqlalchemy.orm import Session

from backend.actions.uploading import short
from backend.contracts.cards import Arity, Card, Direction
from backend.contracts.cells import Estimate, Why
from backend.contracts.comparisons import Difference, Matrix, MissingCell, Numbers, PairCell, PairDifference
from backend.contracts.problems import NotFound, Unprocessable
from backend.store import cards, cells, comparisons
from backend.store import projects as rows
from backend.store.tables import CellRow, ComparisonRow, QuestionRow

NAN = float("nan")
FEWEST_GROUPS = 3


@dataclass(frozen=True)
class Opened:
    """One measure of a comparison, ready to be read."""

    comparison: ComparisonRow
    question: QuestionRow
    name: str
    card: Card
    ids: list[int]
    labels: list[str]
    mirror: QuestionRow | None = None


def open_measure(session: Session, id: int, measure: str, *, layer: str | None, other: str | None) -> Opened:
    """One measure of a comparison at one layer (or pair of layers), as it was asked for."""
    row = comparisons.comparison(session, id)
    asked = [(n, q) for n, q in cells.questions_of(session, id) if measure in (n, q.slug)]
    exact = [(n, q) for n, q in asked if n == measure] or asked
    if not exact:
        has = ", ".join(m["name"] for m in row.specification["measures"])
        raise NotFound(f"This comparison did not ask for {measure!r}; it asked for {has}.")
    layers = list(dict.fromkeys(q.layer_a for _, q in exact))
    if layer is None:
        if len(layers) > 1:
            raise Unprocessable(f"Say which layer: {', '.join(layers)}.")
        layer = layers[0]
    other = layer if other is None else other
    fitting = [(n, q) for n, q in exact if (q.layer_a or layer, q.layer_b or other) == (layer, other)]
    if not fitting:
        raise NotFound(f"This comparison did not ask for {measure!r} at layer {layer!r}; it has {', '.join(layers)}.")
    if len({n for n, _ in fitting}) > 1:
        raise Unprocessable(f"Say which one: {', '.join(n for n, _ in fitting)}.")
    name, question = fitting[0]
    swapped = (question.layer_b, question.layer_a)
    mirror = next((q for n, q in exact if n == name and layer != other and (q.layer_a, q.layer_b) == swapped), None)
    card = cards.measures(session).get(question.slug)
    if card is None:
        raise NotFound(f"No worker offers the measure {question.slug!r} any more.")
    names = rows.names_of(session, set(row.specification["checkpoints"]))
    ids = [i for i in row.specification["checkpoints"] if i in names]
    return Opened(row, question, name, card, ids, [names[i] for i in ids], mirror)


def cells_of(session: Session, opened: Opened) -> dict[tuple[int, int], CellRow]:
    """All cells by pair; across two layers a symmetric pair is kept once, under one of both questions."""
    found = {}
    if opened.mirror is not None and opened.card.symmetric:
        found = {(c.b_id, c.a_id): c for c in cells.cells(session, opened.mirror.id, opened.ids)}
    return found | {(c.a_id, c.b_id): c for c in cells.cells(session, opened.question.id, opened.ids)}


def matrix(session: Session, id: int, measure: str, *, layer: str | None = None, other: str | None = None) -> Matrix:
    """All pairs of one measure (or one column, for a measure of single models)."""
    opened = open_measure(session, id, measure, layer=layer, other=other)
    found = cells_of(session, opened)
    alone = opened.card.arity is Arity.MODEL
    wide = 1 if alone else len(opened.ids)
    grids = {key: [[NAN] * wide for _ in opened.ids] for key in ("value", "low", "high")}
    missing: list[MissingCell] = []
    warnings: dict[str, None] = {}
    for i, a in enumerate(opened.ids):
        for j, b in enumerate([a] if alone else opened.ids):
            cell = find(found, opened, a, b)
            if cell is not None and cell.value is not None:
                grids["value"][i][j] = cell.value
                grids["low"][i][j] = NAN if cell.low is None else cell.low
                grids["high"][i][j] = NAN if cell.high is None else cell.high
                if cell.rest.get("warning"):
                    warnings[cell.rest["warning"]] = None
            elif a == b and not alone and opened.card.identical is not None and cell is None:
                for grid in grids.values():
                    grid[i][j] = opened.card.identical
            else:
                why, sentence = reason_of(cell, opened.comparison)
                missing.append(MissingCell(row=i, column=j, why=why, sentence=sentence))
    order = cells.order(session, id, opened.question.id)
    any_cell = next((c for c in found.values() if c.value is not None), None)
    return Matrix(
        measure=opened.name, slug=opened.card.slug, layer=opened.question.layer_a or None,
        other_layer=opened.question.layer_b or None, ids=opened.ids, labels=opened.labels,
        values=Numbers.of(grids["value"]), low=Numbers.of(grids["low"]), high=Numbers.of(grids["high"]),
        missing=missing, warnings=list(warnings),
        order=order.positions if order and len(order.positions) == len(opened.ids) else [],
        merges=order.merges if order else [], places=order.places if order else [], role=opened.question.role,
        n=any_cell.n if any_cell else 0, method=any_cell.rest.get("method", "") if any_cell else "",
        version=opened.comparison.version,
    )  # fmt: skip


def _check_members(row: ComparisonRow, *ids: int) -> None:
    """What a comparison does not hold cannot be read through it, nor through a link to it."""
    for one in ids:
        if one not in row.specification["checkpoints"]:
            raise NotFound(f"Checkpoint {one} is not part of this comparison.")


def find(found: dict[tuple[int, int], CellRow], opened: Opened, a: int, b: int) -> CellRow | None:
    """The cell of a pair; a symmetric one is kept once, in either direction."""
    if (a, b) in found or not opened.card.symmetric:
        return found.get((a, b))
    return found.get((b, a)) if opened.question.layer_a == opened.question.layer_b else None


def reason_of(cell: CellRow | None, comparison: ComparisonRow) -> tuple[str, str]:
    """Why a cell has no number: its kind and a sentence."""
    if cell is not None:
        return cell.why or Why.FAILED, cell.sentence
    if comparison.state == "running":
        return Why.RUNNING, "Being computed."
    if comparison.state == "cancelled":
        return Why.CANCELLED, "Cancelled before it was computed."
    if comparison.state == "failed":
        return (
            Why.NOT_COMPUTED,
            "Not computed: its piece of work failed. The comparison's log says why; retrying computes it.",
        )
    return Why.NOT_COMPUTED, "Not computed."


def pair(session: Session, id: int, a: int, b: int) -> list[PairCell]:
    """Every number of a pair, with its rank among all pairs of the comparison (1 = most alike)."""
    row = comparisons.comparison(session, id)
    _check_members(row, a, b)
    known = cards.measures(session)
    out = []
    for name, question in cells.questions_of(session, id):
        card = known.get(question.slug)
        if card is None or card.arity is not Arity.PAIR or question.layer_a != question.layer_b:
            continue
        everything = cells.cells(session, question.id, row.specification["checkpoints"])
        mine = next((c for c in everything if {c.a_id, c.b_id} == {a, b} and c.a_id in (a, b)), None)
        if card.symmetric is False:
            mine = next((c for c in everything if (c.a_id, c.b_id) == (a, b)), None)
        rank, of = _rank(card, everything, mine)
        cell: dict[str, Any] = (
            {"kind": "reason", **dict(zip(("why", "sentence"), reason_of(None, row), strict=True))}
            if mine is None
            else cells.as_cell(mine).model_dump(mode="json", exclude={"replicates"})
        )
        out.append(PairCell(measure=name, slug=card.slug, layer=question.layer_a or None, cell=cell, rank=rank, of=of))
    return out


def _rank(card: Card, everything: list[CellRow], mine: CellRow | None) -> tuple[int | None, int | None]:
    values = [c.value for c in everything if c.value is not None and c.a_id != c.b_id]
    if mine is None or mine.value is None:
        return None, None
    if card.direction is Direction.NEAR_ZERO_IS_ALIKE:
        return 1 + sum(abs(v) < abs(mine.value) for v in values), len(values)
    if card.direction in (Direction.HIGHER_IS_ALIKE, Direction.HIGHER_IS_BETTER):
        return 1 + sum(v > mine.value for v in values), len(values)
    return 1 + sum(v < mine.value for v in values), len(values)


def layer_matrix(session: Session, id: int, measure: str, *, a: int, b: int) -> Matrix:
    """Every layer of one checkpoint against every layer of another."""
    row = comparisons.comparison(session, id)
    _check_members(row, a, b)
    asked = [q for n, q in cells.questions_of(session, id) if measure in (n, q.slug) and q.layer_a]
    if not asked:
        raise NotFound(f"This comparison did not ask for {measure!r} by layer.")
    layers = list(dict.fromkeys(q.layer_a for q in asked))
    place = {name: i for i, name in enumerate(layers)}
    grids = {key: [[NAN] * len(layers) for _ in layers] for key in ("value", "low", "high")}
    found = {(c.question_id, c.a_id, c.b_id): c for c in cells.cells_of_pair(session, [q.id for q in asked], a, b)}
    by_layers = {(q.layer_a, q.layer_b): q.id for q in asked}
    card = cards.measures(session)[asked[0].slug]
    missing = []
    for (la, lb), question in by_layers.items():
        i, j = place[la], place[lb]
        cell = found.get((question, a, b))
        if cell is None and card.symmetric:
            cell = found.get((by_layers.get((lb, la), -1), b, a))
        if cell is not None and cell.value is not None:
            grids["value"][i][j] = cell.value
            grids["low"][i][j] = NAN if cell.low is None else cell.low
            grids["high"][i][j] = NAN if cell.high is None else cell.high
        elif a == b and la == lb and card.identical is not None:
            for grid in grids.values():
                grid[i][j] = card.identical
        else:
            why, sentence = reason_of(cell, row)
            missing.append(MissingCell(row=i, column=j, why=why, sentence=sentence))
    return Matrix(
        measure=measure, slug=card.slug, layer=None, other_layer=None, ids=[a, b], labels=layers,
        values=Numbers.of(grids["value"]), low=Numbers.of(grids["low"]), high=Numbers.of(grids["high"]),
        missing=missing, warnings=[], version=row.version,
    )  # fmt: skip


def difference(
    session: Session, id: int, measure: str, *, first: tuple[int, int], second: tuple[int, int], layer: str | None,
    second_layer: str | None = None,
) -> Difference:  # fmt: skip
    """First pair minus second pair, with the paired interval that their shared sample groups allow.

    Args:
        second_layer: layer of the second pair, when it is not that of the first.
    """
    opened = open_measure(session, id, measure, layer=layer, other=None)
    other = opened
    if second_layer is not None:
        other = open_measure(session, id, measure, layer=second_layer, other=None)
    _check_members(opened.comparison, *first, *second)
    if first[0] == first[1] or second[0] == second[1]:
        raise Unprocessable("A checkpoint with itself has no sampling error: name two different checkpoints twice.")
    both = [_cell_of(session, o, p) for o, p in ((opened, first), (other, second))]
    if any(c is None or c.value is None for c in both):
        raise Unprocessable("One of the two cells has no number, so there is no difference.")
    one, two = (c for c in both if c is not None)
    return _difference(one, two)


def differences(session: Session, id: int, *, first: tuple[int, int], second: tuple[int, int]) -> list[PairDifference]:
    """First pair minus second pair for every measure of pairs, where both have a number."""
    row = comparisons.comparison(session, id)
    _check_members(row, *first, *second)
    known = cards.measures(session)
    out = []
    for name, question in cells.questions_of(session, id):
        card = known.get(question.slug)
        if card is None or card.arity is not Arity.PAIR or question.layer_a != question.layer_b:
            continue
        opened = Opened(row, question, name, card, [], [])
        one, two = (_cell_of(session, opened, p) for p in (first, second))
        if one is not None and two is not None and one.value is not None and two.value is not None:
            found = _difference(one, two)
            out.append(
                PairDifference(**found.model_dump(), measure=name, slug=card.slug, layer=question.layer_a or None)
            )
    return out


def _cell_of(session: Session, opened: Opened, pair: tuple[int, int]) -> CellRow | None:
    found = {(c.a_id, c.b_id): c for c in cells.cells_of_pair(session, [opened.question.id], *pair)}
    return find(found, opened, *pair)


def _difference(one: CellRow, two: CellRow) -> Difference:
    value = (one.value or 0.0) - (two.value or 0.0)
    gaps = [x - y for x, y in zip(cells.replicates(one), cells.replicates(two), strict=False)]
    half = half_width(gaps)
    if half is None:
        return Difference(value=value, low=None, high=None, method="no interval: nothing was resampled")
    return Difference(
        value=value, low=value - half, high=value + half,
        method=f"paired delete-a-group jackknife, {len(gaps)} groups",
    )  # fmt: skip


def half_width(replicates: Sequence[float]) -> float | None:
    """Half of the 95 % interval from leave-one-group-out values; None where there are too few.

    Source: Efron & Tibshirani 1993, equation 11.5, with groups in the place of samples.
    """
    count = len(replicates)
    if count < FEWEST_GROUPS:
        return None
    middle = sum(replicates) / count
    error = float((sum((r - middle) ** 2 for r in replicates) * (count - 1) / count) ** 0.5)
    return t_quantile(count - 1) * error


def t_quantile(degrees: int) -> float:
    """97.5 % point of Student's t, to 0.001 from 9 degrees of freedom on.

    Source: Abramowitz & Stegun 26.7.5 (Cornish-Fisher expansion around the normal quantile).
    """
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / degrees + second / degrees**2 + third / degrees**3


def estimate(session: Session, id: int, measure: str, *, a: int, b: int, layer: str | None) -> dict[str, Any]:
    """One cell whole, replicates included."""
    opened = open_measure(session, id, measure, layer=layer, other=None)
    _check_members(opened.comparison, a, b)
    found = {(c.a_id, c.b_id): c for c in cells.cells(session, opened.question.id, [a, b])}
    cell = find(found, opened, a, b)
    if cell is None:
        raise NotFound(f"There is no cell of {short(measure)} for this pair.")
    value = cells.as_cell(cell)
    extra = {} if isinstance(value, Estimate) else {"state": opened.comparison.state}
    return {**value.model_dump(mode="json"), **extra}
