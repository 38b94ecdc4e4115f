"""From a request to the work that is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.actions.costs import SECONDS_PER_PASS, Costs
from kinscape.backend.actions.fit import check_fit
from kinscape.backend.actions.missing_work import MissingCells, MissingWork
from kinscape.backend.actions.uploads import short
from kinscape.backend.contracts.cards import Arity, Card, Input, Role
from kinscape.backend.contracts.cell_arrays import Ints, among
from kinscape.backend.contracts.comparisons import (
    OUTPUT,
    PENULTIMATE,
    ComparisonCreate,
    LayerPairs,
    MeasureRequest,
    Reduction,
    Specification,
    SpecifiedMeasure,
)
from kinscape.backend.contracts.problems import NotFound, Unavailable, Unprocessable
from kinscape.backend.contracts.uploads import State
from kinscape.backend.store import cards, checkpoints, matrices, probes, projects, questions
from kinscape.backend.store.questions import Question
from kinscape.backend.store.tables import CheckpointRow, ProbeRow

# A plan takes some milliseconds for each matrix: all pairs of eighteen layers by seven measures, in some seconds.
MOST_QUESTIONS = 2_500
# Twenty measures of a thousand checkpoints.
MOST_CELLS_ASKED = 10_000_000


@dataclass(frozen=True)
class CheckedMeasure:
    """One measure of a comparison with its settings."""

    name: str
    card: Card
    settings: dict[str, int | float | str]
    references: list[int]
    probe: ProbeRow | None = None


@dataclass(frozen=True)
class CheckedRequest:
    """A request whose checkpoints, probe sets, measures and layers exist and fit together."""

    checkpoints: list[CheckpointRow]
    probe: ProbeRow
    train: ProbeRow | None
    measures: list[CheckedMeasure]
    layers: list[str]
    request: ComparisonCreate

    @property
    def ids(self) -> list[int]:
        """Checkpoint numbers in the order of the request."""
        return [c.id for c in self.checkpoints]

    def specification(self) -> Specification:
        """What is stored of it."""
        return Specification(
            checkpoints=self.ids,
            probe=self.probe.id,
            train_probe=None if self.train is None else self.train.id,
            measures=[
                SpecifiedMeasure(
                    slug=m.card.slug,
                    version=m.card.version,
                    parameters=m.settings,
                    name=m.name,
                    references=m.references,
                    probe=None if m.probe is None else m.probe.id,
                )
                for m in self.measures
            ],
            layers=self.layers,
            layer_pairs=self.request.layer_pairs,
            reduction=self.request.reduction,
            precision=self.request.precision,
            seed=self.request.seed,
            pairs=self.pairs,
        )

    @property
    def probes(self) -> list[ProbeRow]:
        """Every probe set, each once."""
        every = [self.probe, self.train, *(m.probe for m in self.measures)]
        return list({p.id: p for p in every if p is not None}.values())

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs that are named, ascending; empty for all."""
        return sorted({(min(a, b), max(a, b)) for a, b in self.request.pairs})

    def places_of(self, question: Question, card: Card) -> tuple[Ints, Ints]:
        """Checkpoints ``(cells,)`` on both sides of every cell that is asked for."""
        a, b = questions.places_of(question, card, self.ids, self.ids)
        if not self.request.pairs or card.arity is Arity.MODEL:
            return a, b
        named = np.array(self.pairs, dtype=np.int64)
        asked = among(np.minimum(a, b), np.maximum(a, b), named[:, 0], named[:, 1])
        return a[asked], b[asked]

    def questions(self) -> list[Question]:
        """Everything that is asked, measure by measure."""
        return [question for measure in self.measures for question in self.questions_of(measure)]

    def questions_of(self, measure: CheckedMeasure) -> Iterator[Question]:
        """What is asked of one measure: a question for each layer or pair of layers."""
        card, request = measure.card, self.request
        role, probe = Role.NONE, None
        if card.role is not Role.NONE:
            role, probe = Role.HELD_OUT, measure.probe or self.probe
            if card.role is Role.TRAIN and self.train is not None:
                role, probe = Role.TRAIN, self.train
            if card.role is Role.BOTH:
                role = Role.BOTH
        layers: list[tuple[str, str]] = [("", "")]
        if card.input is Input.FEATURES:
            both = request.layer_pairs is LayerPairs.ALL
            layers = list(product(self.layers, self.layers)) if both else [(x, x) for x in self.layers]
        for layer_a, layer_b in layers:
            yield Question(
                slug=card.slug,
                version=card.version,
                arity=card.arity,
                input=card.input,
                parameters=measure.settings,
                probe_id=None if probe is None else probe.id,
                role=role,
                layer_a=layer_a,
                layer_b=layer_b,
                reduction=request.reduction if card.input is Input.FEATURES else "",
                precision=request.precision if card.role is not Role.NONE else "",
                # Of the others nothing is drawn, so that another seed is no other question.
                seed=request.seed if card.input is Input.NETWORK else 0,
                train_probe_id=self.train.id if role is Role.BOTH and self.train is not None else None,
                reference_ids=tuple(measure.references),
            )


def check(session: Session, project: int, request: ComparisonCreate) -> CheckedRequest:
    """Everything named exists, is ready and fits together; else a sentence that says what does not."""
    projects.get(session, project)
    ids = list(dict.fromkeys(request.checkpoints))
    found = {c.id: c for c in checkpoints.by_ids(session, ids) if c.project_id == project}
    for id in ids:
        if id not in found:
            raise NotFound(f"There is no checkpoint {id} in this project.")
        if found[id].state is not State.READY:
            raise Unprocessable(
                f"Checkpoint {short(found[id].name)} is {found[id].state}, not ready. {found[id].reason}".strip()
            )
    measures = _measures(session, project, request)
    _check_pairs(request, set(ids))
    if not ids:
        raise Unprocessable("Choose checkpoints: two or more for measures of pairs, one or more for the others.")
    pairwise = [a.card.slug for a in measures if a.card.arity is Arity.PAIR]
    if len(ids) < 2 and pairwise:
        raise Unprocessable(
            f"Choose at least two checkpoints: {', '.join(pairwise)} compare{'s' if len(pairwise) == 1 else ''} pairs."
        )
    models = [found[i] for i in ids]
    probe = _probe(session, project, request.probe)
    train = None if request.train_probe is None else _probe(session, project, request.train_probe)
    references = checkpoints.by_ids(session, sorted({i for a in measures for i in a.references}))
    layers = list(dict.fromkeys(request.layers)) or [PENULTIMATE]
    if request.reduction is Reduction.POSITIONS:
        _check_positions(measures, cards.measures(session))
    if any(a.card.input is Input.FEATURES for a in measures):
        for layer, checkpoint in product(layers, models):
            # A checkpoint without layers has no features at all: its cells say so.
            if checkpoint.layers and layer not in (PENULTIMATE, OUTPUT) and layer not in checkpoint.layers:
                raise Unprocessable(
                    f"Checkpoint {short(checkpoint.name)} has no layer {short(layer)}; "
                    f"its layers: {', '.join(checkpoint.layers[:40])}."
                )
    checked = CheckedRequest(models, probe, train, measures, layers, request)
    for each, checkpoint in product(checked.probes, [*models, *references]):
        if checkpoint.level.runs:
            check_fit(checkpoint, each)
    _check_size(checked)
    return checked


def _check_pairs(request: ComparisonCreate, ids: set[int]) -> None:
    """Named pairs are of two different checkpoints of the comparison."""
    for a, b in request.pairs:
        if a == b or a not in ids or b not in ids:
            raise Unprocessable(f"The pair {a}, {b} is not one of two different checkpoints of this comparison.")


def _check_size(checked: CheckedRequest) -> None:
    """Refuse in a moment what would take minutes to plan and days to compute."""
    count = len(checked.layers) ** (2 if checked.request.layer_pairs is LayerPairs.ALL else 1)
    asked = sum(count if m.card.input is Input.FEATURES else 1 for m in checked.measures)
    cells = asked * len(checked.checkpoints) * (len(checked.checkpoints) + 1) // 2
    if asked > MOST_QUESTIONS or cells > MOST_CELLS_ASKED:
        raise Unprocessable(
            f"This asks for {asked:,} matrices with {cells:,} cells in all; at most {MOST_QUESTIONS:,} and "
            f"{MOST_CELLS_ASKED:,} are taken at a time. Name fewer layers, measures or checkpoints."
        )


def _measures(session: Session, project: int, request: ComparisonCreate) -> list[CheckedMeasure]:
    known = cards.measures(session)
    if not known:
        raise Unavailable("No worker has offered its measures yet; repeat the request when one has started.")
    asked: list[CheckedMeasure] = []
    given = [MeasureRequest(slug=m) if isinstance(m, str) else m for m in request.measures]
    slugs = [m.slug for m in given if m.probe in (None, request.probe)]
    for wanted in [*given, *_also_on(request, given, known)]:
        card = known.get(wanted.slug)
        if card is None:
            raise Unprocessable(f"Unknown measure {wanted.slug!r}; known: {', '.join(known)}.")
        settings = card.settings(wanted.parameters)
        references = _references(session, project, card, wanted)
        name = _name(card, settings, references, slugs)
        probe = None if wanted.probe in (None, request.probe) else _own_probe(session, project, card, wanted.probe)
        if probe is not None:
            name = _on(name, probe)
        if all(a.name != name for a in asked):
            asked.append(CheckedMeasure(name, card, settings, references, probe))
    return asked


def _also_on(
    request: ComparisonCreate, given: list[MeasureRequest], known: dict[str, Card]
) -> Iterator[MeasureRequest]:
    """What is asked on other probe sets too: measures of outputs and features of held-out samples."""
    for probe in dict.fromkeys(request.also_on):
        for measure in given:
            card = known.get(measure.slug)
            takes = card is not None and card.role is Role.HELD_OUT and card.input in (Input.OUTPUTS, Input.FEATURES)
            if takes and measure.probe is None and probe != request.probe:
                yield measure.model_copy(update={"probe": probe})


def _own_probe(session: Session, project: int, card: Card, probe: int) -> ProbeRow:
    if card.role not in (Role.HELD_OUT, Role.BOTH):
        raise Unprocessable(f"{card.slug} is not about held-out samples, so it takes no probe set of its own.")
    return _probe(session, project, probe)


def _on(name: str, probe: ProbeRow) -> str:
    """The name of a measure on a probe set of its own: told by its content, which is the same on every server."""
    own = f"probe={(probe.content_hash or str(probe.id))[:8]}"
    return f"{name.removesuffix(')')},{own})" if name.endswith(")") else f"{name}({own})"


def _check_positions(measures: list[CheckedMeasure], known: dict[str, Card]) -> None:
    """Only some measures of features may take every position as a sample."""
    refused = [a.card.slug for a in measures if a.card.input is Input.FEATURES and not a.card.takes_positions]
    if refused:
        able = ", ".join(slug for slug, card in known.items() if card.takes_positions)
        raise Unprocessable(
            f"{', '.join(refused)} cannot take every position as a sample: choose another reduction, or measures that "
            f"can: {able}."
        )


def _references(session: Session, project: int, card: Card, wanted: MeasureRequest) -> list[int]:
    """Checkpoints that a measure needs beside those that are compared, checked."""
    fewest, most = card.references
    named = list(dict.fromkeys(wanted.references))
    if not fewest <= len(named) <= most:
        if not most:
            raise Unprocessable(f"{card.slug} takes no reference checkpoints.")
        count = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise Unprocessable(f"{card.slug} needs {count} reference checkpoints: {card.references_help}")
    found = {c.id: c for c in checkpoints.by_ids(session, named) if c.project_id == project}
    for id in named:
        if id not in found:
            raise NotFound(f"There is no checkpoint {id} in this project.")
        if found[id].state is not State.READY:
            raise Unprocessable(f"Checkpoint {short(found[id].name)} is {found[id].state}, not ready.")
    return named


def _name(card: Card, settings: dict[str, int | float | str], references: list[int], slugs: list[str]) -> str:
    """The slug, with what it is asked with where it is asked several times."""
    extra = [f"{k}={v}" for k, v in settings.items()]
    if references:
        extra.append(f"references={'+'.join(map(str, references))}")
    return f"{card.slug}({','.join(extra)})" if extra and slugs.count(card.slug) > 1 else card.slug


def _probe(session: Session, project: int, id: int) -> ProbeRow:
    row = probes.get(session, id)
    if row.project_id != project:
        raise NotFound(f"There is no probe set {id} in this project.")
    if row.state is not State.READY:
        raise Unprocessable(f"Probe set {short(row.name)} is {row.state}, not ready. {row.reason}".strip())
    return row


def plan(session: Session, wanted: CheckedRequest) -> MissingWork:
    """The cells of a request that are not known yet; nothing is written."""
    work = MissingWork()
    every = wanted.questions()
    numbers = questions.ids_by_key(session, [q.key for q in every])
    costs = Costs.of(session, wanted.checkpoints, wanted.probes, every)
    runnable = [c.id for c in wanted.checkpoints if c.level.runs]
    for measure in wanted.measures:
        card = measure.card
        for question in wanted.questions_of(measure):
            a, b = wanted.places_of(question, card)
            new_a, new_b = a, b
            if question.key in numbers:
                new_a, new_b = matrices.missing(session, numbers[question.key], a, b)
            work.new += len(new_a)
            work.reused += len(a) - len(new_a)
            seconds = costs.seconds(question, card, new_a, new_b)
            work.seconds += seconds
            work.missing.append(MissingCells(question, card, new_a, new_b, seconds))
            can = (np.isin(side, runnable) for side in (new_a, new_b))
            _need_passes(work.passes, question, *(side[c] for side, c in zip((new_a, new_b), can, strict=True)))
    work.seconds += SECONDS_PER_PASS * len(work.passes)
    return work


def _need_passes(passes: dict[tuple[int, int], set[str]], question: Question, a: Ints, b: Ints) -> None:
    """Note the forward passes, and the layers of each, that some cells need."""
    if question.probe_id is None or question.input not in (Input.OUTPUTS, Input.FEATURES):
        return
    for side, layer in ((a, question.layer_a), (b, question.layer_b)):
        for checkpoint in np.unique(side).tolist():
            layers = passes.setdefault((checkpoint, question.probe_id), set())
            if layer:
                layers.add(layer)
