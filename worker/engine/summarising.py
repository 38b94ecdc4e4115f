"""What goes together in a finished comparison: stored beside it, as soon as it is done."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.contracts.associations import Agreements, Associations, GroupRow
from backend.contracts.cards import Arity, Card, Direction, Family, Role
from backend.contracts.comparisons import Numbers
from backend.store import cells as cells_store
from backend.store import comparisons, summaries
from backend.store import projects as rows
from backend.store.database import Database
from backend.store.tables import CellRow, CheckpointRow, QuestionRow
from worker.measures.catalogue import catalogue
from worker.statistics.associations import (
    DRAWS,
    FEWEST,
    MOST_PERMUTATIONS,
    PERMUTATIONS,
    Column,
    associations,
)
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


def summarise(database: Database, payload: dict[str, Any]) -> None:
    """Store the associations and the agreements of a comparison."""
    with database.transaction() as session:
        row = comparisons.comparison(session, payload["comparison"])
        asked = cells_store.questions_of(session, row.id)
        counted = Counted.of(rows.checkpoints_by_id(session, row.specification["checkpoints"]))
        found = {q.id: cells_store.cells(session, q.id, counted.ids) for _, q in asked}
        for one in (_associations(counted, asked, found), _agreements(counted, asked, found)):
            summaries.write(session, row.id, type(one).__name__.lower(), one.model_dump(mode="json"))


def _associations(
    counted: Counted, asked: Sequence[tuple[str, QuestionRow]], found: Mapping[int, Sequence[CellRow]]
) -> Associations:
    columns: list[Column] = []
    outcomes: list[str] = []
    for name, question in asked:
        card = _card(question)
        if card is None or card.arity is not Arity.MODEL:
            continue
        name = f"{name} · {question.layer_a}" if question.layer_a else name
        columns.append(Column(name, _values(counted, found[question.id])))
        if card.family in OUTCOMES:
            outcomes.append(name)
    disagreement = next((q for n, q in asked if q.slug == "disagreement"), None)
    if disagreement is not None:
        columns.append(Column(WITHIN, _within_group(counted, found[disagreement.id]), is_shared=True))
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
        method=f"intervals: bootstrap of models, {DRAWS} draws; p: {PERMUTATIONS} permutations of models "
        f"({MOST_PERMUTATIONS} for the smallest), two-sided, t with n - 3 degrees of freedom for partial ones; q: "
        f"Benjamini-Yekutieli over all tests of this table{_where(control, asked)}",
        sentence=sentence,
    )  # fmt: skip


def _where(control: Column | None, asked: Sequence[tuple[str, QuestionRow]]) -> str:
    """A warning where the train loss is not that of train samples."""
    if control is None or all(q.role == Role.TRAIN for _, q in asked if q.slug == CONTROL):
        return ""
    return "; no train samples were named, so the train loss is that of held-out samples"


def _card(question: QuestionRow) -> Card | None:
    measure = catalogue().get(question.slug)
    return None if measure is None else measure.card


def _values(counted: Counted, cells: Sequence[CellRow]) -> Floats:
    known = {c.a_id: c.value for c in cells if c.value is not None}
    return np.array([known.get(i, math.nan) for i in counted.ids], dtype=np.float64)


def _within_group(counted: Counted, cells: Sequence[CellRow]) -> Floats:
    """Mean number of each model with the others of its group."""
    group = {m.id: m.group_name for m in counted.models}
    own: dict[int, list[float]] = {i: [] for i in counted.ids}
    for c in cells:
        if c.value is not None and c.a_id != c.b_id and group[c.a_id] == group[c.b_id] != "":
            own[c.a_id].append(c.value)
            own[c.b_id].append(c.value)
    return np.array([np.mean(own[i]) if own[i] else math.nan for i in counted.ids], dtype=np.float64)


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


def _agreements(
    counted: Counted, asked: Sequence[tuple[str, QuestionRow]], found: Mapping[int, Sequence[CellRow]]
) -> Agreements:
    names: list[str] = []
    layers: list[str | None] = []
    grids: list[Floats] = []
    left_out: dict[str, str] = {}
    for name, question in asked:
        card = _card(question)
        if card is None or card.arity is not Arity.PAIR or question.layer_a != question.layer_b:
            continue
        grid = _grid(counted, card, found[question.id])
        shown = f"{name} · {question.layer_a}" if question.layer_a else name
        pairs = grid[np.triu_indices(len(grid), 1)]
        gaps = int(np.isnan(pairs).sum())
        if gaps or (len(pairs) and np.ptp(pairs) == 0):
            left_out[shown] = f"{gaps} pairs have no number." if gaps else "It is the same for all pairs."
            continue
        names.append(name)
        layers.append(question.layer_a or None)
        grids.append(grid)
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


def _grid(counted: Counted, card: Card, cells: Sequence[CellRow]) -> Floats:
    """How unlike the models are, both directions of a directed measure averaged."""
    place = {i: k for k, i in enumerate(counted.ids)}
    total = np.zeros((len(place), len(place)))
    known = np.zeros_like(total)
    is_signed = card.direction is Direction.NEAR_ZERO_IS_ALIKE
    for c in cells:
        if c.value is not None and c.a_id != c.b_id:
            for i, j in ((c.a_id, c.b_id), (c.b_id, c.a_id)):
                # A signed gap is as far in either direction; its mean over both would be 0.
                total[place[i], place[j]] += abs(c.value) if is_signed else c.value
                known[place[i], place[j]] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        grid: Floats = np.where(known > 0, total / known, np.nan)
    np.fill_diagonal(grid, 0)
    return -grid if card.direction in (Direction.HIGHER_IS_ALIKE, Direction.HIGHER_IS_BETTER) else grid
