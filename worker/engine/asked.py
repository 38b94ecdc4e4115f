"""What a job's questions are about: rows of the store, read in one transaction."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session
from torch import Tensor

from kinscape.backend.contracts.cell_arrays import Ints
from kinscape.backend.contracts.jobs import Job, ModelJob, Tile, TilePart
from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.store import checkpoints, matrices, probes, questions, timings
from kinscape.backend.store.tables import CheckpointRow, ProbeRow, QuestionRow
from kinscape.backend.store.timings import parameters_of
from kinscape.worker.engine.materials import LruCache, Materials, memo_of
from kinscape.worker.evaluation.measure import Measure
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.catalogue import catalogue
from kinscape.worker.numerics.memo import Memo


@dataclass(frozen=True)
class AskedQuestions:
    """Questions, and the checkpoints and probe sets that they read, by number."""

    questions: dict[int, QuestionRow]
    models: dict[int, CheckpointRow]
    probes: dict[int, ProbeRow]

    @classmethod
    def load(cls, session: Session, question_ids: Iterable[int], checkpoint_ids: Iterable[int]) -> "AskedQuestions":
        """Everything that these questions need of these checkpoints and of those that they name."""
        asked = questions.by_id(session, question_ids)
        named = {i for q in asked.values() for i in q.reference_ids}
        models = {c.id: c for c in checkpoints.by_ids(session, sorted({*checkpoint_ids, *named}))}
        sets = {p for q in asked.values() for p in (q.probe_id, q.train_probe_id) if p is not None}
        return cls(asked, models, {p: probes.get(session, p) for p in sets})

    def references(self, question: QuestionRow) -> list[CheckpointRow]:
        """The checkpoints that a question names beside those that it compares.

        Raises:
            Undefined: one of them was deleted.
        """
        if any(i not in self.models for i in question.reference_ids):
            raise Undefined("A reference checkpoint of this question was deleted.")
        return [self.models[i] for i in question.reference_ids]

    def missing_of(self, session: Session, part: TilePart) -> tuple[Ints, Ints]:
        """Places of a part whose cells are not known, of checkpoints that are still there."""
        question = self.questions[part.question]
        rows, members = ([i for i in ids if i in self.models] for ids in (part.rows, part.members))
        places = questions.places_of(question, measure_of(question).card, rows, members)
        return matrices.missing(session, question.id, *places)

    def probe(self, question: QuestionRow) -> ProbeRow | None:
        """The probe set that a question reads."""
        return None if question.probe_id is None else self.probes[question.probe_id]

    def cost(self, question: QuestionRow, checkpoints: Iterable[int]) -> "CellCost":
        """What the time of a cell of some checkpoints depends on."""
        probe = self.probe(question)
        sizes = [parameters_of(self.models[i]) for i in set(checkpoints) if i in self.models]
        return CellCost(
            samples=(probe.facts.samples if probe is not None else None) or 1,
            parameters=sum(sizes) / max(1, len(sizes)),
        )

    def subject(
        self, materials: Materials, checkpoint: CheckpointRow, question: QuestionRow, cache: LruCache
    ) -> Subject:
        """The network on its samples, with what its measures share, and the networks that the question names."""
        probe = self.probes[question.probe_id or 0]
        how: dict[str, Any] = {"precision": question.precision, "seed": question.seed}
        memo = memo_of(cache, checkpoint.id, probe.id, question.precision, question.seed)
        references = tuple(materials.subject(c, probe, memo=Memo(), **how) for c in self.references(question))
        return materials.subject(checkpoint, probe, memo=memo, references=references, **how)


def note_time(session: Session, question: QuestionRow, cost: "CellCost", *, cells: int, seconds: float) -> None:
    """Remember how long cells of a question took, for the plans to come."""
    work = timings.work_of(question.input, samples=cost.samples, parameters=cost.parameters)
    key = timings.key_of(question.slug, question.parameters)
    timings.note(session, key, seconds=seconds, work=cells * work)


@dataclass(frozen=True)
class CellCost:
    """What the time of one cell depends on."""

    samples: int
    parameters: float


def missing_places(session: Session, job: Job) -> Iterator[tuple[int, Ints, Ints]]:
    """The cells that a job was to fill and that are not known: question, and checkpoints on both sides."""
    if isinstance(job, ModelJob):
        here = np.array([job.checkpoint])
        for question in job.questions:
            yield question, *matrices.missing(session, question, here, here)
    if isinstance(job, Tile):
        everyone = {i for part in job.parts for i in (*part.rows, *part.members)}
        asked = AskedQuestions.load(session, [part.question for part in job.parts], everyone)
        for part in job.parts:
            yield part.question, *asked.missing_of(session, part)


def measure_of(question: QuestionRow) -> Measure:
    """The measure that a question asks for."""
    measure = catalogue().get(question.slug)
    if measure is None or measure.card.version != question.version:
        raise NotFound(f"This worker does not know {question.slug} version {question.version}; restart it.")
    return measure


def sound(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights, unless some are NaN or infinite."""
    bad = sum(int(w.numel() - w.isfinite().sum()) for w in weights.values())
    if bad:
        raise Undefined(f"{bad} weights are NaN or infinite.")
    return weights
