"""Associations in a finished comparison: stored with it, as soon as it is done."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.contracts.associations import Agreements, Associations, GroupRow
from kinscape.backend.contracts.cards import Arity, Card, Family, Role
from kinscape.backend.contracts.cell_arrays import Ints
from kinscape.backend.contracts.matrices import Numbers
from kinscape.backend.statistics.associations import FEWEST, METHOD, METHOD_OF_FAMILIES, Column, associations
from kinscape.backend.statistics.kinship import families_of, representatives
from kinscape.backend.statistics.mantel import PERMUTATIONS as SHUFFLES
from kinscape.backend.statistics.mantel import mantel
from kinscape.backend.statistics.ranks import Floats
from kinscape.backend.store import checkpoints, comparisons, matrices, questions, summaries
from kinscape.backend.store.database import Database
from kinscape.backend.store.tables import CheckpointRow, QuestionRow
from kinscape.worker.measures.catalogue import catalogue

OUTCOMES = (Family.CALIBRATION, Family.ROBUSTNESS)
CONTROL = "train-loss"
WITHIN = "disagreement within group"


@dataclass(frozen=True)
class Networks:
    """The networks of a comparison: of copies the ancestor, of a run the last step.

    Attributes:
        families: which family each belongs to; networks with one start or teacher are not independent.
    """

    models: list[CheckpointRow]
    families: list[int]

    @classmethod
    def of(cls, everyone: Sequence[CheckpointRow]) -> "Networks":
        """One model of each network."""
        rows = sorted(everyone, key=lambda r: r.id)
        heads = families_of(rows)
        chosen = representatives(rows)
        return cls([rows[k] for k in chosen], [heads[k] for k in chosen])

    @property
    def ids(self) -> list[int]:
        """Their numbers."""
        return [m.id for m in self.models]

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [m.name for m in self.models]

    @property
    def independent(self) -> Ints:
        """Positions of one network of each family, the first."""
        return np.unique(np.array(self.families, dtype=np.int64), return_index=True)[1]


@dataclass(frozen=True)
class AskedColumn:
    """The numbers of one question among networks.

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


def summarise(database: Database, comparison: int) -> None:
    """Store the associations and the agreements of a comparison."""
    with database.transaction() as session:
        models, columns = _read(session, comparison)
    summed = (_associations(models, columns), _agreements(models, columns))
    with database.transaction() as session:
        for summary in summed:
            summaries.write(session, comparison, summary)


def _read(session: Session, id: int) -> tuple[Networks, list[AskedColumn]]:
    """The networks, and their numbers, one question after the other."""
    ids = comparisons.get(session, id).specification.checkpoints
    models = Networks.of(checkpoints.by_ids(session, ids))
    columns = []
    for name, question in questions.of_comparison(session, id):
        measure = catalogue().get(question.slug)
        if measure is None or question.layer_a != question.layer_b:
            continue
        cells = matrices.cells(session, question.id, models.ids)
        grid = np.append(cells.values, np.nan)[cells.index(models.ids)]
        values = np.diag(grid).copy() if measure.card.arity is Arity.MODEL else unlikeness(measure.card, grid)
        columns.append(AskedColumn(name, measure.card, question, values))
    return models, columns


def _associations(counted: Networks, answers: Sequence[AskedColumn]) -> Associations:
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
    independent = len(counted.independent)
    if independent < FEWEST:
        sentence = f"There are {independent} independent models; associations need {FEWEST}."
    elif not outcomes or not measures:
        sentence = "Ask for measures of single models (sharpness, weights) and for outcomes (accuracy, calibration)."
    table = []
    if not sentence:
        tags = [{str(k): str(v) for k, v in m.tags.items()} for m in counted.models]
        wanted = [named[o] for o in outcomes]
        table = associations(measures, wanted, control=control, tags=tags, families=counted.families)
    return Associations(
        measures=[m.name for m in measures],
        outcomes=outcomes,
        control=None if control is None else CONTROL,
        counted=counted.names,
        families=independent,
        table=table,
        columns=[c.name for c in columns],
        groups=_groups(counted, columns),
        values=Numbers.of(np.column_stack([np.empty((len(counted.models), 0)), *[c.values for c in columns]])),
        method=(METHOD if independent == len(counted.models) else METHOD_OF_FAMILIES) + _where(control, alone),
        sentence=sentence,
    )


def _where(control: Column | None, answers: Sequence[AskedColumn]) -> str:
    """A warning where the train loss is not that of train samples."""
    if control is None or all(a.question.role == Role.TRAIN for a in answers if a.card.slug == CONTROL):
        return ""
    return "; no train samples were named, so the train loss is that of held-out samples"


def _within_group(counted: Networks, unlike: Floats) -> Floats:
    """Mean number of each model with those of its group that are not related to it."""
    groups, families = np.array([m.group_name for m in counted.models]), np.array(counted.families)
    others = (groups[:, None] == groups) & (groups != "") & (families[:, None] != families) & np.isfinite(unlike)
    with np.errstate(invalid="ignore"):
        means: Floats = np.where(others, unlike, 0).sum(1) / others.sum(1)
    return means


def _groups(counted: Networks, columns: Sequence[Column]) -> list[GroupRow]:
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


def _agreements(counted: Networks, answers: Sequence[AskedColumn]) -> Agreements:
    names: list[str] = []
    layers: list[str | None] = []
    grids: list[Floats] = []
    left_out: dict[str, str] = {}
    chosen = counted.independent
    for answer in answers:
        if answer.card.arity is not Arity.PAIR:
            continue
        grid = answer.values[np.ix_(chosen, chosen)]
        pairs = grid[np.triu_indices(len(grid), 1)]
        gaps = int(np.isnan(pairs).sum())
        if gaps or (len(pairs) and np.ptp(pairs) == 0):
            left_out[answer.shown] = f"{gaps} pairs have no number." if gaps else "It is the same for all pairs."
            continue
        names.append(answer.name)
        layers.append(answer.question.layer_a or None)
        grids.append(grid)
    sentence = ""
    if len(chosen) < FEWEST:
        sentence = f"There are {len(chosen)} independent models; agreement needs {FEWEST}."
    elif len(grids) < 2:
        sentence = "Agreement needs two measures of pairs with a number for every pair."
    tables = [np.zeros((0, 0))] * 3 if sentence else list(mantel(grids))
    return Agreements(
        measures=names,
        layers=layers,
        counted=[counted.names[k] for k in chosen.tolist()],
        left_out=left_out,
        sentence=sentence,
        correlation=Numbers.of(tables[0]),
        p=Numbers.of(tables[1]),
        q=Numbers.of(tables[2]),
        method=f"Mantel: Spearman over pairs of independent models, {SHUFFLES} permutations of models, two-sided; "
        "q: Benjamini-Yekutieli over all pairs of measures; positive when both call the same pairs alike",
    )


def unlikeness(card: Card, grid: Floats) -> Floats:
    """How unlike models are, ``(models, models)``: both directions of a directed measure averaged, 0 for themselves.

    Args:
        grid: values by direction; NaN where a direction is not there.
    """
    # A signed gap is as far in either direction; its mean over both would be 0.
    values = np.abs(grid) if card.is_signed else grid
    known = np.isfinite(values)
    total = np.where(known, values, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = (total + total.T) / (known.astype(int) + known.T)
    np.fill_diagonal(mean, 0)
    return -mean if card.higher_is_alike else mean
