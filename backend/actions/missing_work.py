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
# Cells that take less come first.
QUICK_S = 0.5


@dataclass(frozen=True)
class MissingCells:
    """Cells of one question that are not known: checkpoints ``(cells,)`` on either side, and how long they take."""

    question: Question
    card: Card
    a: Ints
    b: Ints
    seconds: float = 0.0

    @property
    def is_quick(self) -> bool:
        """Whether a cell takes so little that it should not wait behind those that take long."""
        return self.seconds <= QUICK_S * max(1, len(self.a))

    def rectangles(self) -> Iterator["MissingCells"]:
        """The same cells in parts each of which is all cells between its later and its earlier checkpoints."""
        later, earlier = np.maximum(self.a, self.b), np.minimum(self.a, self.b)
        of: dict[bytes, list[int]] = {}
        for row in np.unique(later).tolist():
            of.setdefault(np.unique(earlier[later == row]).tobytes(), []).append(row)
        for rows in of.values():
            chosen = np.isin(later, rows)
            yield MissingCells(self.question, self.card, self.a[chosen], self.b[chosen], self.seconds)


@dataclass
class MissingWork:
    """What is missing for a request."""

    missing: list[MissingCells] = field(default_factory=list)
    passes: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    new: int = 0
    reused: int = 0
    seconds: float = 0.0

    def jobs(self, numbers: Mapping[str, int], request: ComparisonCreate) -> list[Job]:
        """The same as jobs: what takes little comes first, whatever is long of other checkpoints comes after it.

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
        quick, slow = _Jobs(), _Jobs()
        for some in self.missing:
            is_quick = some.is_quick and some.card.pace is not Pace.PATH
            (quick if is_quick else slow).add(numbers[some.question.key], some, has_pairs=bool(request.pairs))
        return [*forward, *quick.tiles.closed(), *quick.of_models(), *slow.of_models(), *slow.tiles.closed()]


class _Jobs:
    """Jobs of cells that take about as long."""

    def __init__(self) -> None:
        self.tiles = _Tiles()
        self._of_models: dict[int, list[tuple[float, int]]] = {}

    def add(self, number: int, some: MissingCells, *, has_pairs: bool) -> None:
        """Cells of one question.

        Args:
            has_pairs: whether the comparison names its pairs, so that cells are not whole rows of a matrix.
        """
        if some.card.arity is Arity.MODEL:
            for checkpoint in some.a.tolist():
                self._of_models.setdefault(checkpoint, []).append((some.seconds, number))
            return
        for part in some.rectangles() if has_pairs else [some]:
            self.tiles.add(number, part)

    def of_models(self) -> list[Job]:
        """One job for each checkpoint, its questions in the order of how long they take."""
        return [
            ModelJob(checkpoint=c, questions=[number for _, number in sorted(asked)])
            for c, asked in self._of_models.items()
        ]


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
