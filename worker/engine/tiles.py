"""Blocks of pairs: cut so that each is stored after some seconds, whatever a pair takes."""

import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from kinscape.backend.contracts.cards import Input, Pace
from kinscape.backend.contracts.cell_arrays import Cells, Ints, joined
from kinscape.backend.contracts.cells import Cell, Reason
from kinscape.backend.contracts.jobs import Tile
from kinscape.backend.store import matrices
from kinscape.backend.store.database import Database
from kinscape.backend.store.tables import CheckpointRow, QuestionRow
from kinscape.worker.engine.asked import AskedQuestions, measure_of, note_time, sound
from kinscape.worker.engine.materials import Materials
from kinscape.worker.evaluation.batch import Batch, Pair
from kinscape.worker.evaluation.cells import evaluate_pairs, finite, reason_for
from kinscape.worker.evaluation.intervals import groups_of, row_groups
from kinscape.worker.evaluation.measure import Measure
from kinscape.worker.evaluation.networks import evaluate_network
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined

# Pairs of the first block, before it is known how long one takes.
FIRST_BLOCK = {Pace.PRODUCT: 4096, Pace.PAIR: 256, Pace.PATH: 4}
# What is lost at most when a worker dies, and how long a cancelled job may go on.
BLOCK_S = 20.0
Check = Callable[[], None]
Inputs = dict[int, Any]


@dataclass
class _Blocks:
    """Cuts pairs into blocks that each take about as long."""

    pace: Pace
    seconds: float = 0.0
    done: int = 0

    def of(self, a: Ints, b: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Blocks of pairs, whole rows of the later checkpoint where they fit."""
        order = np.lexsort((np.minimum(a, b), np.maximum(a, b)))
        start = 0
        while start < len(order):
            block = order[start : start + self._size()]
            began = time.monotonic()
            yield a[block], b[block]
            self.seconds += time.monotonic() - began
            self.done += len(block)
            start += len(block)

    def _size(self) -> int:
        if not self.done:
            return FIRST_BLOCK[self.pace]
        return max(1, int(BLOCK_S * self.done / max(self.seconds, 1e-3)))


@dataclass
class _Side:
    """What is read of the checkpoints on one side of some pairs, and reasons for those of which it cannot be."""

    inputs: Inputs = field(default_factory=dict)
    refused: dict[int, Reason] = field(default_factory=dict)


def run_tile(database: Database, materials: Materials, job: Tile, check: Check) -> None:
    """The missing cells of a tile, one question after the other; each block is stored in one transaction.

    Args:
        check: raises when the job is no longer ours.
    """
    everyone = {i for part in job.parts for i in (*part.rows, *part.members)}
    with database.transaction() as session:
        asked = AskedQuestions.load(session, [part.question for part in job.parts], everyone)
    tile = _Tile(materials, asked, check)
    for part in job.parts:
        measure = measure_of(asked.questions[part.question])
        with database.transaction() as session:
            a, b = asked.missing_of(session, part)
        for block in _Blocks(measure.card.pace).of(a, b):
            check()
            question, began = asked.questions[part.question], time.monotonic()
            cells = tile.evaluated(question, measure, block)
            seconds = time.monotonic() - began
            with database.transaction() as session:
                matrices.write(session, part.question, cells)
                if count := int(cells.has_number.sum()):
                    cost = asked.cost(question, np.concatenate(block).tolist())
                    note_time(session, question, cost, cells=count, seconds=seconds)


@dataclass
class _Tile:
    """A tile at work: what it reads, and what its questions share.

    Attributes:
        batches: batches by inputs and pairs, so that measures of the same ones share what they can.
    """

    materials: Materials
    asked: AskedQuestions
    check: Check
    batches: dict[Hashable, Batch] = field(default_factory=dict)

    def evaluated(self, question: QuestionRow, measure: Measure, block: tuple[Ints, Ints]) -> Cells:
        """The cells of a block of pairs."""
        if measure.card.input is Input.NETWORK:
            return self._of_networks(question, measure, block)
        return self._of_inputs(question, measure, block)

    def _of_networks(self, question: QuestionRow, measure: Measure, block: tuple[Ints, Ints]) -> Cells:
        # Every network meets many others, in this job and the next: what is known of it is shared between them.
        shared, models = self.materials.shared, self.asked.models
        cells: dict[tuple[int, int], Cell] = {}
        for place in zip(*(side.tolist() for side in block), strict=True):
            self.check()
            try:
                both = [self.asked.subject(self.materials, models[i], question, shared) for i in place]
            except Undefined as sentence:
                cells[place] = reason_for(sentence)
                continue
            cells[place] = evaluate_network(measure, both, question.parameters)
        return Cells.of(cells)

    def _of_inputs(self, question: QuestionRow, measure: Measure, block: tuple[Ints, Ints]) -> Cells:
        a, b = block
        reader = _Reader(self.materials, self.asked, question)
        left = reader.side(np.unique(a).tolist(), question.layer_a)
        right = left
        if question.layer_a == question.layer_b:
            more = reader.side(sorted({*b.tolist()} - {*a.tolist()}), question.layer_b)
            left.inputs.update(more.inputs)
            left.refused.update(more.refused)
        else:
            right = reader.side(np.unique(b).tolist(), question.layer_b)
        can = np.array([i in left.inputs and j in right.inputs for i, j in zip(a.tolist(), b.tolist(), strict=True)])
        pairs = list(zip(a[can].tolist(), b[can].tolist(), strict=True))
        known = [
            self._known(question, measure, (reader.key, left, right), some)
            for some in _of_equal_rows(left, right, pairs)
        ]
        refusals = {
            place: left.refused.get(place[0]) or right.refused[place[1]]
            for place in zip(a[~can].tolist(), b[~can].tolist(), strict=True)
        }
        return joined([*known, Cells.of(refusals)])

    def _known(
        self, question: QuestionRow, measure: Measure, read: tuple[Hashable, _Side, _Side], pairs: list[Pair]
    ) -> Cells:
        """Cells of pairs whose sides have as many rows as those of the other pairs.

        Args:
            read: key of what was read, and both sides.
        """
        key, left, right = read
        first, second = left.inputs[pairs[0][0]], right.inputs[pairs[0][1]]
        is_same = _rows(first) == _rows(second)
        groups = self._groups(question, first) if is_same else ()
        mine = {i: d for i, d in left.inputs.items() if _rows(d) == _rows(first)}
        theirs = {j: d for j, d in right.inputs.items() if _rows(d) == _rows(second)}
        batch = Batch(mine, None if right is left and is_same else theirs, pairs, groups)
        return evaluate_pairs(measure, self.batches.setdefault((key, tuple(pairs)), batch), question.parameters)

    def _groups(self, question: QuestionRow, data: Any) -> tuple[Tensor, ...]:
        """Samples that are left out together."""
        if isinstance(data, Outputs):
            return groups_of(data)
        probe = self.asked.probe(question)
        return () if probe is None or not probe.facts.samples else row_groups(probe.facts.samples)


def _rows(data: Any) -> int:
    """How many rows outputs have; they differ between networks that answer once and those that do at every position."""
    return data.samples if isinstance(data, Outputs) else 0


def _of_equal_rows(left: _Side, right: _Side, pairs: list[Pair]) -> list[list[Pair]]:
    """The pairs in parts whose sides have equally many rows."""
    parts: dict[tuple[int, int], list[Pair]] = defaultdict(list)
    for pair in pairs:
        parts[_rows(left.inputs[pair[0]]), _rows(right.inputs[pair[1]])].append(pair)
    return list(parts.values())


@dataclass(frozen=True)
class _Reader:
    """Reads what one question compares."""

    materials: Materials
    asked: AskedQuestions
    question: QuestionRow

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for questions that read the same."""
        q = self.question
        return (q.input, q.probe_id, q.layer_a, q.layer_b, q.reduction, q.precision, tuple(q.reference_ids))

    def side(self, ids: list[int], layer: str) -> _Side:
        """What these checkpoints show at a layer; outputs or weights where there is none."""
        side = _Side()
        for id in ids:
            try:
                side.inputs[id] = self._input(self.asked.models[id], layer)
            except Undefined as sentence:
                where = f" at layer {layer}" if layer else ""
                side.refused[id] = reason_for(type(sentence)(f"{self.asked.models[id].name}{where}: {sentence}"))
        return side

    def _input(self, checkpoint: CheckpointRow, layer: str) -> Any:
        question, probe = self.question, self.asked.probe(self.question)
        if probe is None:
            return sound(self.materials.weights(checkpoint))
        if question.input is Input.FEATURES:
            reduction, precision = question.reduction, question.precision
            return finite(
                self.materials.features(checkpoint, probe, layer=layer, reduction=reduction, precision=precision)
            )
        own, *references = (
            finite(self.materials.outputs(c, probe, precision=question.precision))
            for c in (checkpoint, *self.asked.references(question))
        )
        return replace(own, references=tuple(references))
