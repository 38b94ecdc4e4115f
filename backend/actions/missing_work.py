"""Cells that are not known yet, as jobs of bounded length."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from kinscape.backend.contracts.cards import Arity, Card, Pace
from kinscape.backend.contracts.cell_arrays import Ints
from kinscape.backend.contracts.comparisons import ComparisonCreate
from kinscape.backend.contracts.jobs import Forward, Job, ModelJob, Tile, TilePart
from kinscape.backend.store.questions import Question

# Most cells of one question in one job: some ten seconds of work on small networks. A job that takes too long for
# its time limit is split (worker/tasks.py), so this need not be exact.
MOST_CELLS = {Pace.PRODUCT: 16384, Pace.PAIR: 4096, Pace.PATH: 24}
# Questions share a job until it has so many cells; fewer would cost more in queueing than in computing.
FEWEST_CELLS = {Pace.PRODUCT: 256, Pace.PAIR: 64, Pace.PATH: 6}


@dataclass(frozen=True)
class MissingCells:
    """Cells of one question that are not known: checkpoints ``(cells,)`` on either side."""

    question: Question
    card: Card
    a: Ints
    b: Ints

    def rectangles(self) -> Iterator["MissingCells"]:
        """The same cells in parts each of which is all cells between its later and its earlier checkpoints."""
        later, earlier = np.maximum(self.a, self.b), np.minimum(self.a, self.b)
        of: dict[bytes, list[int]] = {}
        for row in np.unique(later).tolist():
            of.setdefault(np.unique(earlier[later == row]).tobytes(), []).append(row)
        for rows in of.values():
            chosen = np.isin(later, rows)
            yield MissingCells(self.question, self.card, self.a[chosen], self.b[chosen])


@dataclass
class MissingWork:
    """What is missing for a request."""

    missing: list[MissingCells] = field(default_factory=list)
    passes: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    new: int = 0
    reused: int = 0
    seconds: float = 0.0

    def jobs(self, numbers: Mapping[str, int], request: ComparisonCreate) -> list[Job]:
        """The same as jobs: what fills quickly comes first, paths between networks come last.

        Args:
            numbers: of the questions, by key.
        """
        forward: list[Job] = [
            Forward(
                checkpoint=checkpoint,
                probe=probe,
                layers=sorted(layers),
                reduction=request.reduction,
                precision=request.precision,
            )
            for (checkpoint, probe), layers in self.passes.items()
        ]
        of_models: dict[int, list[int]] = {}
        quick, slow = _Tiles(), _Tiles()
        for some in self.missing:
            number = numbers[some.question.key]
            if some.card.arity is Arity.MODEL:
                for checkpoint in some.a.tolist():
                    of_models.setdefault(checkpoint, []).append(number)
            else:
                tiles = slow if some.card.pace is Pace.PATH else quick
                for part in some.rectangles() if request.pairs else [some]:
                    tiles.add(number, part)
        models: list[Job] = [ModelJob(checkpoint=c, questions=asked) for c, asked in of_models.items()]
        return [*forward, *quick.closed(), *models, *slow.closed()]


class _Tiles:
    """Collects missing cells of pairs into jobs of bounded length."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._open: list[TilePart] = []
        self._filled = 0.0

    def add(self, number: int, missing: MissingCells) -> None:
        """Cells of one question, cut where they are too many."""
        for part, cells in _cut(number, missing, most=MOST_CELLS[missing.card.pace]):
            self._open.append(part)
            self._filled += cells / FEWEST_CELLS[missing.card.pace]
            if self._filled >= 1:
                self._close()

    def closed(self) -> list[Job]:
        """All jobs."""
        self._close()
        return self._jobs

    def _close(self) -> None:
        if self._open:
            self._jobs.append(Tile(parts=self._open))
        self._open, self._filled = [], 0.0


def _cut(number: int, missing: MissingCells, *, most: int) -> Iterator[tuple[TilePart, int]]:
    """Parts with at most so many cells, each with their number; a row of a matrix is cut only where it must be."""
    later, earlier = np.maximum(missing.a, missing.b), np.minimum(missing.a, missing.b)
    order = np.lexsort((earlier, later))
    rows, starts = np.unique(later[order], return_index=True)
    ends = [*starts[1:].tolist(), len(order)] if len(rows) else []
    open_rows: list[int] = []
    begin = 0
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends, strict=True):
        if open_rows and end - begin > most:
            yield _part(number, open_rows, earlier[order[begin:start]]), start - begin
            open_rows, begin = [], start
        open_rows.append(row)
        while end - begin > most:
            yield _part(number, [row], earlier[order[begin : begin + most]]), most
            begin += most
    if open_rows:
        yield _part(number, open_rows, earlier[order[begin:]]), len(order) - begin


def _part(number: int, rows: list[int], members: Ints) -> TilePart:
    return TilePart(question=number, rows=rows, members=np.unique(members).tolist())
