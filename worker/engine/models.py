"""Measures of one model."""

import time
from collections.abc import Callable

import numpy as np

from kinscape.backend.contracts.cards import Input, Role
from kinscape.backend.contracts.cell_arrays import Cells
from kinscape.backend.contracts.cells import Cell, Estimate
from kinscape.backend.contracts.jobs import ModelJob
from kinscape.backend.store import matrices
from kinscape.backend.store.database import Database
from kinscape.backend.store.tables import CheckpointRow, QuestionRow
from kinscape.worker.engine.asked import AskedQuestions, measure_of, note_time, sound
from kinscape.worker.engine.materials import MOST_SHARED, LruCache, Materials, memo_of
from kinscape.worker.evaluation.cells import reason_for
from kinscape.worker.evaluation.intervals import groups_of
from kinscape.worker.evaluation.models import evaluate_both, evaluate_model
from kinscape.worker.evaluation.networks import evaluate_network
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined


def run_model(database: Database, materials: Materials, job: ModelJob, check: Callable[[], None]) -> None:
    """Every asked number of one model; each is stored as soon as it is known.

    Args:
        check: raises when the job is no longer ours.
    """
    here = np.array([job.checkpoint])
    with database.transaction() as session:
        asked = AskedQuestions.load(session, job.questions, [job.checkpoint])
        missing = [q for q in job.questions if len(matrices.missing(session, q, here, here)[0])]
    # What is known of this network is needed no longer than this job.
    cache = LruCache(MOST_SHARED)
    for id in missing:
        check()
        began = time.monotonic()
        try:
            cell = _evaluated(materials, asked, asked.models[job.checkpoint], asked.questions[id], cache)
        except Undefined as sentence:
            cell = reason_for(sentence)
        seconds = time.monotonic() - began
        with database.transaction() as session:
            matrices.write(session, id, Cells.of({(job.checkpoint, job.checkpoint): cell}))
            if isinstance(cell, Estimate):
                question = asked.questions[id]
                note_time(session, question, asked.cost(question, [job.checkpoint]), cells=1, seconds=seconds)


def _evaluated(
    materials: Materials, asked: AskedQuestions, checkpoint: CheckpointRow, question: QuestionRow, cache: LruCache
) -> Cell:
    measure, settings = measure_of(question), question.parameters
    if measure.card.input is Input.WEIGHTS:
        memo = memo_of(cache, checkpoint.id)
        weights = memo.once("weights", lambda: sound(materials.weights(checkpoint)))
        return evaluate_model(measure, weights, settings, memo=memo)
    if measure.card.input is Input.NETWORK:
        return evaluate_network(measure, [asked.subject(materials, checkpoint, question, cache)], settings)
    probe = asked.probes[question.probe_id or 0]
    if measure.card.role is Role.BOTH:
        if question.train_probe_id is None:
            raise Undefined("This measure compares train samples with held-out ones: name a train probe set.")
        both = [
            materials.outputs(checkpoint, p, precision=question.precision)
            for p in (asked.probes[question.train_probe_id], probe)
        ]
        return evaluate_both(measure, both[0], both[1], settings)
    data: Outputs | Layer
    if measure.card.input is Input.FEATURES:
        data = materials.layer(
            checkpoint, probe, layer=question.layer_a, reduction=question.reduction, precision=question.precision
        )
    else:
        data = materials.outputs(checkpoint, probe, precision=question.precision)
    memo = memo_of(cache, checkpoint.id, probe.id, question.precision, question.layer_a, question.reduction)
    return evaluate_model(measure, data, settings, groups=groups_of(data), memo=memo)
