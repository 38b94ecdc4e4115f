"""From a question to the work that is missing."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, permutations, product
from typing import Any

from sqlalchemy.orm import Session

from backend.actions.uploading import short
from backend.contracts.cards import Arity, Card, Input, Pace, Role
from backend.contracts.comparisons import (
    OUTPUT,
    PENULTIMATE,
    ComparisonCreate,
    LayerPairs,
    MeasureRequest,
    Reduction,
)
from backend.contracts.problems import NotFound, Unprocessable
from backend.store import cards, cells
from backend.store import projects as rows
from backend.store.cells import Place
from backend.store.tables import CheckpointRow, ProbeRow, QuestionRow

BLOCK = 32
PAIRS_PER_TILE = {Pace.PRODUCT: 1024, Pace.PAIR: 256, Pace.PATH: 24}
SECONDS_PER_CELL = {Pace.PRODUCT: 0.002, Pace.PAIR: 0.01, Pace.PATH: 0.12}
SECONDS_PER_MODEL = {Input.OUTPUTS: 0.02, Input.WEIGHTS: 0.05, Input.FEATURES: 0.05, Input.NETWORK: 1.0}


@dataclass(frozen=True)
class Asked:
    """One measure of a comparison with its settings."""

    name: str
    card: Card
    settings: dict[str, int | float | str]
    references: list[int]


@dataclass(frozen=True)
class Specification:
    """A comparison that was checked: everything named exists and fits."""

    project: int
    checkpoints: list[CheckpointRow]
    probe: ProbeRow
    train: ProbeRow | None
    measures: list[Asked]
    layers: list[str]
    request: ComparisonCreate

    @property
    def ids(self) -> list[int]:
        """Checkpoint numbers in the order of the request."""
        return [c.id for c in self.checkpoints]

    def stored(self) -> dict[str, Any]:
        """What is kept of this specification."""
        return {
            "checkpoints": self.ids,
            "probe": self.probe.id,
            "train_probe": None if self.train is None else self.train.id,
            "measures": [
                {"slug": a.card.slug, "version": a.card.version, "parameters": a.settings, "name": a.name}
                | ({"references": a.references} if a.references else {})
                for a in self.measures
            ],
            "layers": self.layers,
            "layer_pairs": self.request.layer_pairs,
            "reduction": self.request.reduction,
            "precision": self.request.precision,
            "seed": self.request.seed,
        }

    def digest(self) -> str:
        """Equal for equal questions, whatever the order of the checkpoints."""
        text = json.dumps({**self.stored(), "checkpoints": sorted(self.ids)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Work:
    """What is missing for a specification, as jobs."""

    questions: list[tuple[int, str]] = field(default_factory=list)
    new: int = 0
    reused: int = 0
    seconds: float = 0.0
    slow: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    jobs: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def check(session: Session, project: int, request: ComparisonCreate) -> Specification:
    """Everything named exists, is ready and fits together; else a sentence that says what does not."""
    rows.project(session, project)
    ids = list(dict.fromkeys(request.checkpoints))
    found = {c.id: c for c in rows.checkpoints_by_id(session, ids) if c.project_id == project}
    for id in ids:
        if id not in found:
            raise NotFound(f"There is no checkpoint {id} in this project.")
        if found[id].state != "ready":
            raise Unprocessable(
                f"Checkpoint {short(found[id].name)} is {found[id].state}, not ready. {found[id].reason}".strip()
            )
    measures = _measures(session, project, request)
    if not ids:
        raise Unprocessable("Choose checkpoints: two or more for measures of pairs, one or more for the others.")
    pairwise = [a.card.slug for a in measures if a.card.arity is Arity.PAIR]
    if len(ids) < 2 and pairwise:
        raise Unprocessable(
            f"Choose at least two checkpoints: {', '.join(pairwise)} compare{'s' if len(pairwise) == 1 else ''} pairs."
        )
    checkpoints = [found[i] for i in ids]
    probe = _probe(session, project, request.probe)
    train = None if request.train_probe is None else _probe(session, project, request.train_probe)
    references = rows.checkpoints_by_id(session, sorted({i for a in measures for i in a.references}))
    for each, checkpoint in product((probe, train), [*checkpoints, *references]):
        if each is not None:
            _check_fit(checkpoint, each)
    layers = list(dict.fromkeys(request.layers)) or [PENULTIMATE]
    if request.reduction is Reduction.POSITIONS:
        _check_positions(measures, cards.measures(session))
    if any(a.card.input is Input.FEATURES for a in measures):
        for layer, checkpoint in product(layers, checkpoints):
            if layer not in (PENULTIMATE, OUTPUT) and layer not in checkpoint.layers:
                raise Unprocessable(
                    f"Checkpoint {short(checkpoint.name)} has no layer {short(layer)}; "
                    f"its layers: {', '.join(checkpoint.layers[:40])}."
                )
    return Specification(project, checkpoints, probe, train, measures, layers, request)


def _measures(session: Session, project: int, request: ComparisonCreate) -> list[Asked]:
    known = cards.measures(session)
    asked: list[Asked] = []
    slugs = [m if isinstance(m, str) else m.slug for m in request.measures]
    for wish in request.measures:
        one = MeasureRequest(slug=wish) if isinstance(wish, str) else wish
        card = known.get(one.slug)
        if card is None:
            raise Unprocessable(f"Unknown measure {one.slug!r}; known: {', '.join(known)}.")
        settings = card.settings(one.parameters)
        references = _references(session, project, card, one)
        name = _name(card, settings, references, slugs)
        if all(a.name != name for a in asked):
            asked.append(Asked(name, card, settings, references))
    return asked


def _check_positions(measures: list[Asked], known: dict[str, Card]) -> None:
    """Only some measures of features may take every position as a sample."""
    refused = [a.card.slug for a in measures if a.card.input is Input.FEATURES and not a.card.takes_positions]
    if refused:
        able = ", ".join(slug for slug, card in known.items() if card.takes_positions)
        raise Unprocessable(
            f"{', '.join(refused)} cannot take every position as a sample: choose another reduction, or measures that "
            f"can: {able}."
        )


def _references(session: Session, project: int, card: Card, wish: MeasureRequest) -> list[int]:
    """Checkpoints that a measure needs beside those that are compared, checked."""
    fewest, most = card.references
    named = list(dict.fromkeys(wish.references))
    if not fewest <= len(named) <= most:
        if not most:
            raise Unprocessable(f"{card.slug} takes no reference checkpoints.")
        count = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise Unprocessable(f"{card.slug} needs {count} reference checkpoints: {card.references_help}")
    found = {c.id: c for c in rows.checkpoints_by_id(session, named) if c.project_id == project}
    for id in named:
        if id not in found:
            raise NotFound(f"There is no checkpoint {id} in this project.")
        if found[id].state != "ready":
            raise Unprocessable(f"Checkpoint {short(found[id].name)} is {found[id].state}, not ready.")
    return named


def _name(card: Card, settings: dict[str, int | float | str], references: list[int], slugs: list[str]) -> str:
    """The slug, with what it is asked with where it is asked several times."""
    extra = [f"{k}={v}" for k, v in settings.items()]
    if references:
        extra.append(f"references={'+'.join(map(str, references))}")
    return f"{card.slug}({','.join(extra)})" if extra and slugs.count(card.slug) > 1 else card.slug


def _probe(session: Session, project: int, id: int) -> ProbeRow:
    row = rows.probe(session, id)
    if row.project_id != project:
        raise NotFound(f"There is no probe set {id} in this project.")
    if row.state != "ready":
        raise Unprocessable(f"Probe set {short(row.name)} is {row.state}, not ready. {row.reason}".strip())
    return row


def _check_fit(checkpoint: CheckpointRow, probe: ProbeRow) -> None:
    accepts, shape = checkpoint.found.get("accepts", {}), probe.found["shape"]
    who = f"Probe set {short(probe.name)} does not fit checkpoint {short(checkpoint.name)}"
    size = 1
    for side in shape:
        size *= side
    if "inputs" in accepts and size != accepts["inputs"]:
        raise Unprocessable(f"{who}: it has {size} values per sample, the network takes {accepts['inputs']}.")
    if "channels" in accepts:
        if len(shape) != 3 or shape[0] != accepts["channels"]:
            raise Unprocessable(
                f"{who}: its samples have shape {tuple(shape)}, the network takes "
                f"({accepts['channels']}, height, width)."
            )
        side = accepts.get("side")
        if side is not None and shape[1:] != [side, side]:
            raise Unprocessable(f"{who}: its images are {shape[1]}×{shape[2]}, the network takes {side}×{side}.")
        least = accepts.get("least_side", 1)
        if min(shape[1:]) < least:
            raise Unprocessable(f"{who}: its images are {shape[1]}×{shape[2]}, the network needs {least}×{least}.")
    classes = checkpoint.found.get("classes")
    if classes is not None and probe.found.get("classes") and probe.found["classes"] > classes:
        raise Unprocessable(
            f"{who}: its labels go up to {probe.found['classes'] - 1}, the network answers {classes} classes."
        )


def plan(session: Session, wanted: Specification) -> Work:
    """The questions of a specification, and jobs for the cells that are not known yet."""
    work = Work()
    forward: dict[tuple[int, int], set[str]] = {}
    per_model: dict[int, list[int]] = {}
    tiles = _Tiles(work)
    for asked in wanted.measures:
        for question in _questions(session, wanted, asked):
            work.questions.append((question.id, asked.name))
            places = _places(wanted.ids, asked.card, question)
            known = cells.known_places(session, question.id, wanted.ids)
            missing = [p for p in places if p not in known]
            work.new += len(missing)
            work.reused += len(places) - len(missing)
            _need_forward(forward, asked.card, question, missing)
            if asked.card.arity is Arity.MODEL:
                for a, _ in missing:
                    per_model.setdefault(a, []).append(question.id)
                    work.seconds += SECONDS_PER_MODEL[asked.card.input]
            else:
                tiles.add(question.id, asked.card.pace, missing)
    tiles.close()
    for (checkpoint, probe), layers in forward.items():
        work.jobs.insert(
            0,
            ("forward", {
                "checkpoint": checkpoint, "probe": probe, "layers": sorted(layers),
                "reduction": wanted.request.reduction, "precision": wanted.request.precision,
            }),
        )  # fmt: skip
        work.seconds += 0.1
    # What fills quickly comes first; paths between networks take longest and come last.
    work.jobs.extend(("model", {"checkpoint": c, "questions": q}) for c, q in per_model.items())
    work.jobs += work.slow
    return work


def _questions(session: Session, wanted: Specification, asked: Asked) -> Iterator[QuestionRow]:
    card, request = asked.card, wanted.request
    role, probe = Role.NONE, None
    if card.role is not Role.NONE:
        role, probe = Role.HELD_OUT, wanted.probe
        if card.role is Role.TRAIN and wanted.train is not None:
            role, probe = Role.TRAIN, wanted.train
        if card.role is Role.BOTH:
            role = Role.BOTH
    layers: list[tuple[str, str]] = [("", "")]
    if card.input is Input.FEATURES:
        both = request.layer_pairs is LayerPairs.ALL
        layers = list(product(wanted.layers, wanted.layers)) if both else [(x, x) for x in wanted.layers]
    for layer_a, layer_b in layers:
        fields = {
            "slug": card.slug, "version": card.version, "arity": card.arity, "input": card.input,
            "parameters": asked.settings, "probe_id": None if probe is None else probe.id,
            "role": role, "layer_a": layer_a, "layer_b": layer_b,
            "reduction": request.reduction if card.input is Input.FEATURES else "",
            "precision": request.precision if card.role is not Role.NONE else "",
            "seed": request.seed if card.role is not Role.NONE else 0,
        }  # fmt: skip
        if role is Role.BOTH and wanted.train is not None:
            fields["train_probe_id"] = wanted.train.id
        if asked.references:
            fields["reference_ids"] = asked.references
        yield cells.question(session, fields=fields)


def _places(ids: list[int], card: Card, question: QuestionRow) -> list[Place]:
    """Cells of one question; a symmetric pair is kept once, lower number first."""
    if card.arity is Arity.MODEL:
        return [(i, i) for i in ids]
    itself = question.layer_a != question.layer_b or card.identical is None
    own = [(i, i) for i in ids] if itself else []
    if not card.symmetric:
        return own + list(permutations(ids, 2))
    return own + [(min(p), max(p)) for p in combinations(ids, 2)]


def _need_forward(
    forward: dict[tuple[int, int], set[str]], card: Card, question: QuestionRow, missing: list[Place]
) -> None:
    if question.probe_id is None or card.input not in (Input.OUTPUTS, Input.FEATURES):
        return
    for a, b in missing:
        for checkpoint, layer in ((a, question.layer_a), (b, question.layer_b)):
            layers = forward.setdefault((checkpoint, question.probe_id), set())
            if layer:
                layers.add(layer)


class _Tiles:
    """Collects missing pairs into jobs of bounded length."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._open: list[dict[str, Any]] = []
        self._filled = 0.0
        self._is_slow = False

    def add(self, question: int, pace: Pace, missing: list[Place]) -> None:
        if (pace is Pace.PATH) is not self._is_slow:
            self.close()
            self._is_slow = pace is Pace.PATH
        most = PAIRS_PER_TILE[pace]
        ordered = sorted(missing, key=lambda p: (p[0] // BLOCK, p[1] // BLOCK, p))
        self._work.seconds += SECONDS_PER_CELL[pace] * len(missing)
        for start in range(0, len(ordered), most):
            part = ordered[start : start + most]
            self._open.append({"question": question, "pairs": part})
            self._filled += len(part) / most
            if self._filled >= 0.25:
                self.close()

    def close(self) -> None:
        if self._open:
            where = self._work.slow if self._is_slow else self._work.jobs
            where.append(("tile", {"work": self._open}))
        self._open, self._filled = [], 0.0
