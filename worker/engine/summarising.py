"""What goes together in a finished comparison: stored beside it, as soon as it is done."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from backend.contracts.associations import Agreements, Associations, GroupRow
from backend.contracts.cards import Arity, Card, Direction, Family, Role
from backend.contracts.comparisons import Numbers
from backend.store import cells as cells_store
from backend.store import comparisons, summaries
from backend.store import projects as rows
from backend.store.database import Database
from backend.store.tables import CheckpointRow, QuestionRow
from worker.measures.catalogue import catalogue
from worker.measures.measure import Measure
from worker.statistics.associations import FEWEST, METHOD, Column, associations
from worker.statistics.mantel import PERMUTATIONS as SHUFFLES
from worker.statistics.mantel import mantel
from worker.statistics.ranks import Floats

OUTCOMES = (Family.CALIBRATION, Family.ROBUSTNESS)
CONTROL = "train-loss"
WITHIN = "disagreement within group"


@dataclass(frozen=True)
class Counted:
    """The models of a comparison that count: the root of each lineage, or its eldest member."""

    models: list[CheckpointRow]

    @classmethod
    def of(cls, everyone: Sequence[CheckpointRow]) -> "Counted":
        """One model of each lineage."""
        chosen: dict[int, CheckpointRow] = {}
        for row in sorted(everyone, key=lambda r: r.id):
            root = row.root_id or row.id
            if root not in chosen or row.id == root:
                chosen[root] = row
        return cls(sorted(chosen.values(), key=lambda r: r.id))

    @property
    def ids(self) -> list[int]:
        """Their numbers."""
        return [m.id for m in self.models]

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [m.name for m in self.models]


@dataclass(frozen=True)
class Answer:
    """The numbers of one question among the models that count.

    Attributes:
        name: of the measure in the comparison, with its settings where there are several.
        values: ``(models,)`` of a measure of models, else ``(models, models)`` of how unlike they are; NaN
            where there is none.
    """

    name: str
    card: Card
    question: QuestionRow
    values: Floats

    @property
    def shown(self) -> str:
        """The name with the layer."""
        return f"{self.name} · {self.question.layer_a}" if self.question.layer_a else self.name


def summarise(database: Database, payload: dict[str, Any]) -> None:
    """Store the associations and the agreements of a comparison."""
    with database.transaction() as session:
        id = comparisons.comparison(session, payload["comparison"]).id
        counted, answers = _read(session, id)
    found = (_associations(counted, answers), _agreements(counted, answers))
    with database.transaction() as session:
        for one in found:
            summaries.write(session, id, type(one).__name__.lower(), one.model_dump(mode="json"))


def _read(session: Session, id: int) -> tuple[Counted, list[Answer]]:
    """The models that count, and their numbers, one question after the other."""
    specification = comparisons.comparison(session, id).specification
    counted = Counted.of(rows.checkpoints_by_id(session, specification["checkpoints"]))
    answers = []
    for name, question in cells_store.questions_of(session, id):
        measure = catalogue().get(question.slug)
        if measure is None or question.layer_a != question.layer_b:
            continue
        numbers = cells_store.values(session, question.id, counted.ids)
        values = _values(counted, numbers) if measure.card.arity is Arity.MODEL else _grid(counted, measure, numbers)
        answers.append(Answer(name, measure.card, question, values))
    return counted, answers


def _associations(counted: Counted, answers: Sequence[Answer]) -> Associations:
    alone = [a for a in answers if a.card.arity is Arity.MODEL]
    columns = [Column(a.shown, a.values) for a in alone]
    outcomes = [a.shown for a in alone if a.card.family in OUTCOMES]
    disagreement = next((a for a in answers if a.card.slug == "disagreement"), None)
    if disagreement is not None:
        columns.append(Column(WITHIN, _within_group(counted, disagreement.values), is_shared=True))
        outcomes.append(WITHIN)
    named = {c.name: c for c in columns}
    measures = [c for c in columns if c.name not in outcomes]
    control = named.get(CONTROL)
    sentence = ""
    if len(counted.models) < FEWEST:
        sentence = f"There are {len(counted.models)} independent models; associations need {FEWEST}."
    elif not outcomes or not measures:
        sentence = "Ask for measures of single models (sharpness, weights) and for outcomes (accuracy, calibration)."
    table = []
    if not sentence:
        tags = [{str(k): str(v) for k, v in m.tags.items()} for m in counted.models]
        table = associations(measures, [named[o] for o in outcomes], control=control, tags=tags)
    return Associations(
        measures=[m.name for m in measures], outcomes=outcomes, control=None if control is None else CONTROL,
        counted=counted.names, table=table, columns=[c.name for c in columns], groups=_groups(counted, columns),
        values=Numbers.of([[float(c.values[k]) for c in columns] for k in range(len(counted.models))]),
        method=METHOD + _where(control, alone), sentence=sentence,
    )  # fmt: skip


def _where(control: Column | None, answers: Sequence[Answer]) -> str:
    """A warning where the train loss is not that of train samples."""
    if control is None or all(a.question.role == Role.TRAIN for a in answers if a.card.slug == CONTROL):
        return ""
    return "; no train samples were named, so the train loss is that of held-out samples"


def _values(counted: Counted, numbers: Iterable[tuple[int, int, float]]) -> Floats:
    known = {a: value for a, b, value in numbers if a == b}
    return np.array([known.get(i, math.nan) for i in counted.ids], dtype=np.float64)


def _within_group(counted: Counted, unlike: Floats) -> Floats:
    """Mean number of each model with the others of its group."""
    groups = np.array([m.group_name for m in counted.models])
    others = (groups[:, None] == groups) & (groups != "") & ~np.eye(len(groups), dtype=bool) & np.isfinite(unlike)
    with np.errstate(invalid="ignore"):
        means: Floats = np.where(others, unlike, 0).sum(1) / others.sum(1)
    return means


def _groups(counted: Counted, columns: Sequence[Column]) -> list[GroupRow]:
    out = []
    for group in sorted({m.group_name for m in counted.models}):
        rows_of = np.array([m.group_name == group for m in counted.models])
        means: list[float | None] = []
        for column in columns:
            values = column.values[rows_of]
            values = values[np.isfinite(values)]
            means.append(float(values.mean()) if len(values) else None)
        out.append(GroupRow(group=group, models=int(rows_of.sum()), means=means))
    return out


def _agreements(counted: Counted, answers: Sequence[Answer]) -> Agreements:
    names: list[str] = []
    layers: list[str | None] = []
    grids: list[Floats] = []
    left_out: dict[str, str] = {}
    for answer in answers:
        if answer.card.arity is not Arity.PAIR:
            continue
        pairs = answer.values[np.triu_indices(len(answer.values), 1)]
        gaps = int(np.isnan(pairs).sum())
        if gaps or (len(pairs) and np.ptp(pairs) == 0):
            left_out[answer.shown] = f"{gaps} pairs have no number." if gaps else "It is the same for all pairs."
            continue
        names.append(answer.name)
        layers.append(answer.question.layer_a or None)
        grids.append(answer.values)
    sentence = ""
    if len(counted.models) < FEWEST:
        sentence = f"There are {len(counted.models)} independent models; agreement needs {FEWEST}."
    elif len(grids) < 2:
        sentence = "Agreement needs two measures of pairs with a number for every pair."
    tables = [np.zeros((0, 0))] * 3 if sentence else list(mantel(grids))
    return Agreements(
        measures=names, layers=layers, counted=counted.names, left_out=left_out, sentence=sentence,
        correlation=_packed(tables[0]), p=_packed(tables[1]), q=_packed(tables[2]),
        method=f"Mantel: Spearman over pairs of independent models, {SHUFFLES} permutations of models, two-sided; "
        "q: Benjamini-Yekutieli over all pairs of measures; positive when both call the same pairs alike",
    )  # fmt: skip


def _packed(grid: Floats) -> Numbers:
    return Numbers.of([[float(v) for v in row] for row in grid])


def _grid(counted: Counted, measure: Measure, numbers: Iterable[tuple[int, int, float]]) -> Floats:
    """How unlike the models are, both directions of a directed measure averaged."""
    card = measure.card
    place = {i: k for k, i in enumerate(counted.ids)}
    total = np.zeros((len(place), len(place)))
    known = np.zeros_like(total)
    is_signed = card.direction is Direction.NEAR_ZERO_IS_ALIKE
    for a, b, value in numbers:
        # A signed gap is as far in either direction; its mean over both would be 0.
        total[place[a], place[b]] += abs(value) if is_signed else value
        known[place[a], place[b]] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        grid: Floats = (total + total.T) / (known + known.T)
    np.fill_diagonal(grid, 0)
    return -grid if card.direction in (Direction.HIGHER_IS_ALIKE, Direction.HIGHER_IS_BETTER) else grid
