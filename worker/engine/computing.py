"""Forward passes, measures of one model, and tiles of pairs."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session
from torch import Tensor

from backend.contracts.cells import Cell
from backend.contracts.problems import NotFound
from backend.store import cells as cells_store
from backend.store import projects as rows
from backend.store.cells import Place
from backend.store.database import Database
from backend.store.tables import CheckpointRow, ProbeRow, QuestionRow
from worker.engine.materials import MOST_SHARED, Kept, Materials, found_of
from worker.measures.catalogue import catalogue
from worker.measures.evaluation import (
    evaluate_both,
    evaluate_model,
    evaluate_network,
    evaluate_pairs,
    finite,
    not_applicable,
)
from worker.measures.inputs import Layer, Outputs, Subject, Undefined
from worker.measures.measure import Measure
from worker.measures.uncertainty import row_groups

Check = Callable[[], None]


def _load(
    session: Session, questions: list[int], checkpoints: list[int]
) -> tuple[dict[int, QuestionRow], dict[int, CheckpointRow], dict[int, ProbeRow]]:
    asked = cells_store.questions_by_id(session, questions)
    named = {i for q in asked.values() for i in q.reference_ids}
    models = {c.id: c for c in rows.checkpoints_by_id(session, sorted({*checkpoints, *named}))}
    probes = {p for q in asked.values() for p in (q.probe_id, q.train_probe_id) if p is not None}
    return asked, models, {p: rows.probe(session, p) for p in probes}


def _measure(question: QuestionRow) -> Measure:
    found = catalogue().get(question.slug)
    if found is None or found.card.version != question.version:
        raise NotFound(f"This worker does not know {question.slug} version {question.version}; restart it.")
    return found


def run_forward(database: Database, materials: Materials, payload: dict[str, Any]) -> None:
    """One forward pass, all layers at once."""
    with database.transaction() as session:
        checkpoint = rows.checkpoint(session, payload["checkpoint"])
        probe = rows.probe(session, payload["probe"])
    try:
        materials.run_forward(
            checkpoint, probe, layers=payload["layers"], reduction=payload["reduction"],
            precision=payload["precision"],
        )  # fmt: skip
    except Undefined:
        # The cells that need this pass say why, each for itself.
        return


def run_model(database: Database, materials: Materials, payload: dict[str, Any], check: Check) -> None:
    """Every asked number of one model; each is stored as soon as it is known."""
    with database.transaction() as session:
        asked, models, probes = _load(session, payload["questions"], [payload["checkpoint"]])
        checkpoint = models[payload["checkpoint"]]
        place = (checkpoint.id, checkpoint.id)
        known = {q for q in payload["questions"] if place in cells_store.known_places(session, q, [checkpoint.id])}
    # What is found of this network is needed no longer than this job.
    kept = Kept(MOST_SHARED)
    for id in payload["questions"]:
        check()
        if id in known:
            continue
        try:
            cell = _of_model(materials, models, checkpoint, asked[id], probes, kept)
        except Undefined as sentence:
            cell = not_applicable(str(sentence))
        with database.transaction() as session:
            cells_store.write(session, id, {place: cell})


def _of_model(
    materials: Materials, models: dict[int, CheckpointRow], checkpoint: CheckpointRow, question: QuestionRow,
    probes: dict[int, ProbeRow], kept: Kept,
) -> Cell:  # fmt: skip
    measure, settings = _measure(question), question.parameters
    if measure.card.input == "weights":
        shared = found_of(kept, checkpoint.id)
        if "weights" not in shared:
            shared["weights"] = _sound(materials.weights(checkpoint))
        return evaluate_model(measure, shared["weights"], settings, kept=shared)
    probe = probes[question.probe_id or 0]
    if measure.card.input == "network":
        subject = _subject(materials, models, checkpoint, question, probe, kept)
        return evaluate_network(measure, [subject], settings)
    if measure.card.role == "train and held-out":
        if question.train_probe_id is None:
            raise Undefined("This measure compares train samples with held-out ones: name a train probe set.")
        both = [
            materials.outputs(checkpoint, probes[p], precision=question.precision)
            for p in (question.train_probe_id, probe.id)
        ]
        return evaluate_both(measure, both[0], both[1], settings)
    data: Outputs | Layer
    # Outputs and features are kept by the materials: the same object comes back for the next question.
    if measure.card.input == "features":
        data = materials.layer(
            checkpoint, probe, layer=question.layer_a, reduction=question.reduction, precision=question.precision
        )
    else:
        data = materials.outputs(checkpoint, probe, precision=question.precision)
    return evaluate_model(measure, data, settings, groups=row_groups(data.samples))


def _subject(
    materials: Materials, models: dict[int, CheckpointRow], checkpoint: CheckpointRow, question: QuestionRow,
    probe: ProbeRow, kept: Kept,
) -> Subject:  # fmt: skip
    """The network, what its measures share, and the networks that the question names."""
    own: dict[str, Any] = {"precision": question.precision, "seed": question.seed}
    references = tuple(materials.subject(_named(models, i), probe, **own) for i in question.reference_ids)
    shared = found_of(kept, checkpoint.id, probe.id, question.precision, question.seed)
    return replace(materials.subject(checkpoint, probe, **own), references=references, kept=shared)


def _named(models: dict[int, CheckpointRow], id: int) -> CheckpointRow:
    if id not in models:
        raise Undefined("A reference checkpoint of this question was deleted.")
    return models[id]


def _sound(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    bad = sum(int(w.numel() - w.isfinite().sum()) for w in weights.values())
    if bad:
        raise Undefined(f"{bad} weights are NaN or infinite.")
    return weights


def run_tile(database: Database, materials: Materials, payload: dict[str, Any], check: Check) -> None:
    """Blocks of pairs, one question after the other; each block is stored in one transaction."""
    everyone = {i for part in payload["work"] for pair in part["pairs"] for i in pair}
    with database.transaction() as session:
        asked, models, probes = _load(session, [p["question"] for p in payload["work"]], sorted(everyone))
    kept: dict[Hashable, Any] = {}
    for part in payload["work"]:
        check()
        question = asked[part["question"]]
        pairs: list[Place] = [(a, b) for a, b in part["pairs"] if a in models and b in models]
        probe = None if question.probe_id is None else probes[question.probe_id]
        found = _of_pairs(materials, models, pairs, question, probe, check, kept)
        with database.transaction() as session:
            cells_store.write(session, question.id, found)


def _of_pairs(
    materials: Materials, models: dict[int, CheckpointRow], pairs: list[Place], question: QuestionRow,
    probe: ProbeRow | None, check: Check, kept: dict[Hashable, Any],
) -> dict[Place, Cell]:  # fmt: skip
    measure = _measure(question)
    if measure.card.input == "network" and probe is not None:
        found: dict[Place, Cell] = {}
        for a, b in pairs:
            check()
            # Every network meets many others, in this job and the next: what was found of it is kept.
            both = [_subject(materials, models, models[i], question, probe, materials.shared) for i in (a, b)]
            found[a, b] = evaluate_network(measure, both, question.parameters)
        return found
    left, why_left = _inputs(materials, models, {a for a, _ in pairs}, question, probe, question.layer_a)
    if question.layer_a == question.layer_b:
        more, why_right = _inputs(
            materials, models, {b for _, b in pairs} - set(left) - set(why_left), question, probe, question.layer_b
        )
        left.update(more)
        why_left.update(why_right)
        right, why_right = left, why_left
    else:
        right, why_right = _inputs(materials, models, {b for _, b in pairs}, question, probe, question.layer_b)
    good = [p for p in pairs if p[0] in left and p[1] in right]
    samples = int(probe.found["samples"]) if probe is not None else 0
    cells = evaluate_pairs(
        measure, left, right, good, question.parameters, groups=row_groups(samples) if samples else (), kept=kept
    )
    answers = dict(zip(good, cells, strict=True))
    for a, b in pairs:
        sentence = why_left.get(a) or why_right.get(b)
        if sentence is not None:
            answers[a, b] = not_applicable(sentence)
    return answers


def _inputs(
    materials: Materials, models: dict[int, CheckpointRow], ids: set[int], question: QuestionRow,
    probe: ProbeRow | None, layer: str,
) -> tuple[dict[Any, Any], dict[Any, str]]:  # fmt: skip
    found: dict[Any, Any] = {}
    refused: dict[Any, str] = {}
    for id in sorted(ids):
        try:
            found[id] = _input(materials, models, models[id], question, probe, layer)
        except Undefined as sentence:
            where = f" at layer {layer}" if layer else ""
            refused[id] = f"{models[id].name}{where}: {sentence}"
    return found, refused


def _input(
    materials: Materials, models: dict[int, CheckpointRow], checkpoint: CheckpointRow, question: QuestionRow,
    probe: ProbeRow | None, layer: str,
) -> Any:  # fmt: skip
    if probe is None:
        return _sound(materials.weights(checkpoint))
    own = {"precision": question.precision}
    if question.input == "outputs":
        found = finite(materials.outputs(checkpoint, probe, **own))
        named = [_named(models, i) for i in question.reference_ids]
        return replace(found, references=tuple(finite(materials.outputs(c, probe, **own)) for c in named))
    return finite(materials.features(checkpoint, probe, layer=layer, reduction=question.reduction, **own))


def split(payload: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The same work in pieces of one question each, so that a broken one stands alone."""
    if kind == "model":
        return [{**payload, "questions": [q]} for q in payload["questions"]]
    if kind == "tile":
        return [{"work": [part]} for part in payload["work"]]
    return [payload]


def places_of(payload: dict[str, Any], kind: str) -> dict[int, list[Place]]:
    """The cells that a job was to fill, by question."""
    if kind == "model":
        own = payload["checkpoint"]
        return {q: [(own, own)] for q in payload["questions"]}
    if kind == "tile":
        return {p["question"]: [(a, b) for a, b in p["pairs"]] for p in payload["work"]}
    return {}
