"""One pair of checkpoints: its numbers with their ranks, and differences to another pair."""

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.actions import measures
from kinscape.backend.actions.measures import AskedQuestion
from kinscape.backend.actions.uploads import short
from kinscape.backend.contracts.cards import Arity, Card
from kinscape.backend.contracts.cell_arrays import Cells
from kinscape.backend.contracts.cells import Cell, Estimate
from kinscape.backend.contracts.pairs import Difference, PairCell, PairDifference
from kinscape.backend.contracts.problems import NotFound, Unprocessable
from kinscape.backend.statistics.jackknife import paired_difference
from kinscape.backend.store import cards, comparisons, matrices, questions
from kinscape.backend.store.tables import QuestionRow

Pair = tuple[int, int]


def pair(session: Session, id: int, a: int, b: int) -> list[PairCell]:
    """Every number of a pair, with its rank among all pairs of the comparison (1 = most alike)."""
    row = comparisons.get(session, id)
    measures.check_members(row, a, b)
    asked = _pairwise(session, id)
    mine = matrices.cells_of_pair(session, [q.id for _, q, _ in asked], a, b)
    out = []
    for name, question, card in asked:
        cell = cell_of(mine.get(question.id), card, (a, b))
        rank, of = None, None
        if isinstance(cell, Estimate):
            everyone = matrices.cells(session, question.id, row.specification.checkpoints)
            rank, of = _rank(card, everyone, cell.value)
            cell = cell.model_copy(update={"replicates": ()})
        shown = cell or measures.reason_of_nothing(row.state)
        out.append(PairCell(measure=name, slug=card.slug, layer=question.layer_a or None, cell=shown, rank=rank, of=of))
    return out


def _pairwise(session: Session, id: int) -> list[tuple[str, QuestionRow, Card]]:
    """Measures of pairs of a comparison, each at one layer."""
    known = cards.measures(session)
    return [
        (name, question, known[question.slug])
        for name, question in questions.of_comparison(session, id)
        if question.arity is Arity.PAIR and question.slug in known and question.layer_a == question.layer_b
    ]


def _rank(card: Card, everyone: Cells, value: float) -> tuple[int, int]:
    values = everyone.values[everyone.has_number & (everyone.a != everyone.b)]
    return 1 + int((card.unlikeness(values) < card.unlikeness(value)).sum()), len(values)


def cell_of(cells: Cells | None, card: Card, pair: Pair) -> Cell | None:
    """The cell of a pair; a symmetric one is kept once, in either direction."""
    if cells is None:
        return None
    ways = [pair, pair[::-1]] if card.symmetric else [pair]
    for a, b in ways:
        where = np.flatnonzero((cells.a == a) & (cells.b == b))
        if len(where):
            return cells.cell(int(where[0]))
    return None


def cell(session: Session, id: int, measure: str, *, a: int, b: int, layer: str | None) -> Cell:
    """One cell whole, replicates included."""
    asked = measures.find(session, id, measure, layer=layer)
    asked.check_members(a, b)
    value = _cell(session, asked, (a, b))
    if value is None:
        raise NotFound(f"There is no cell of {short(measure)} for this pair.")
    return value


def _cell(session: Session, asked: AskedQuestion, pair: Pair) -> Cell | None:
    cells = matrices.cells_of_pair(session, [asked.question.id], *pair)
    return cell_of(cells.get(asked.question.id), asked.card, pair)


def difference(
    session: Session,
    id: int,
    measure: str,
    *,
    first: Pair,
    second: Pair,
    layers: tuple[str | None, str | None],
) -> Difference:
    """First pair minus second pair, with the paired interval that their shared sample groups allow.

    Args:
        layers: of the first pair and of the second; a second of None is that of the first.
    """
    asked = measures.find(session, id, measure, layer=layers[0])
    other = asked if layers[1] is None else measures.find(session, id, measure, layer=layers[1])
    asked.check_members(*first, *second)
    if first[0] == first[1] or second[0] == second[1]:
        raise Unprocessable("A checkpoint with itself has no sampling error: name two different checkpoints twice.")
    both = _cell(session, asked, first), _cell(session, other, second)
    if not isinstance(both[0], Estimate) or not isinstance(both[1], Estimate):
        raise Unprocessable("One of the two cells has no number, so there is no difference.")
    return _difference(both[0], both[1])


def differences(session: Session, id: int, *, first: Pair, second: Pair) -> list[PairDifference]:
    """First pair minus second pair for every measure of pairs, where both have a number."""
    row = comparisons.get(session, id)
    measures.check_members(row, *first, *second)
    asked = _pairwise(session, id)
    numbers = [q.id for _, q, _ in asked]
    cells = [matrices.cells_of_pair(session, numbers, *pair) for pair in (first, second)]
    out = []
    for name, question, card in asked:
        one, two = (cell_of(c.get(question.id), card, p) for c, p in zip(cells, (first, second), strict=True))
        if isinstance(one, Estimate) and isinstance(two, Estimate):
            gap = _difference(one, two).model_dump()
            out.append(PairDifference(**gap, measure=name, slug=card.slug, layer=question.layer_a or None))
    return out


def _difference(one: Estimate, two: Estimate) -> Difference:
    value = one.value - two.value
    half = paired_difference(np.array(one.replicates), np.array(two.replicates))
    if half is None:
        return Difference(value=value, low=None, high=None, method="no interval: nothing was resampled")
    groups = min(len(one.replicates), len(two.replicates))
    method = f"paired delete-a-group jackknife, {groups} groups"
    return Difference(value=value, low=value - half, high=value + half, method=method)
