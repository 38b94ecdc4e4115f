"""One checkpoint whole: relatives, comparisons, its numbers, who is nearest, its tensors."""

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.actions import checkpoints as seen
from kinscape.backend.actions import matrices, measures, model_tables
from kinscape.backend.actions.matrices import MatrixArrays
from kinscape.backend.contracts.cards import Arity, Card, Role
from kinscape.backend.contracts.comparisons import OWN_SET
from kinscape.backend.contracts.matrices import ModelTable
from kinscape.backend.contracts.portraits import (
    Appearance,
    Neighbour,
    Neighbourhood,
    OwnNumber,
    Portrait,
    Relative,
    StoredTensor,
)
from kinscape.backend.store import checkpoints, probes, projects, questions
from kinscape.backend.store.tables import CheckpointRow, ComparisonRow

# Older comparisons are listed, their numbers are not read.
MOST_READ = 3
MOST_MEASURES = 4
MOST_NEAREST = 5
MOST_TENSORS = 2000


def portrait(session: Session, id: int) -> Portrait:
    """Everything that is known of a checkpoint; numbers come from the newest comparisons that show it."""
    row = checkpoints.get(session, id)
    shown = checkpoints.comparisons_of(session, row)
    sets = {i for c in shown for i in c.specification.probes}
    names = probes.names(session, sets)
    # Of a reference there is no row in the pictures.
    within = [c for c in shown if id in c.specification.checkpoints][:MOST_READ]
    return Portrait(
        checkpoint=seen.get(session, id),
        project=row.project_id,
        project_name=projects.get(session, row.project_id).name,
        relatives=[Relative(id=other.id, name=other.name, relation=what) for what, other in _relatives(session, row)],
        appearances=[
            Appearance(
                id=c.id,
                name=c.name,
                probe=names.get(c.specification.probe, ""),
                models=len(c.specification.checkpoints),
                state=c.state,
                created=c.created,
            )
            for c in shown
        ],
        numbers=_numbers(session, id, within, names),
        neighbourhoods=_neighbourhoods(session, id, within),
        tensors=[
            StoredTensor(name=name, dtype=dtype, shape=shape)
            for name, (dtype, shape) in list(row.facts.tensors.items())[:MOST_TENSORS]
        ],
        told=row.facts.told,
    )


def _relatives(session: Session, row: CheckpointRow) -> Iterator[tuple[str, CheckpointRow]]:
    for what, number in (("parent", row.parent_id), ("initial weights", row.init_of_id), ("teacher", row.teacher_id)):
        other = None if number is None else checkpoints.find(session, number)
        if other is not None:
            yield what, other
    words = {"parent_id": "copy", "init_of_id": "starts like it", "teacher_id": "student"}
    for other in checkpoints.of_project(session, row.project_id).rows:
        if other.id == row.id:
            continue
        for column, word in words.items():
            if getattr(other, column) == row.id:
                yield word, other
        if row.run and other.run == row.run:
            yield f"step {other.step} of {row.run}" if other.step is not None else f"of {row.run}", other


def _numbers(session: Session, id: int, shown: Sequence[ComparisonRow], probe_names: dict[int, str]) -> list[OwnNumber]:
    found: dict[tuple[str, str | None, int], OwnNumber] = {}
    for comparison in shown:
        table = model_tables.models(session, comparison.id)
        asked = {m.name: m.probe for m in comparison.specification.measures}
        for k in range(len(table.columns)):
            column = table.columns[k]
            probe = asked.get(column.measure) or comparison.specification.probe
            key = (OWN_SET.sub("", column.measure), column.layer, probe)
            if key not in found:
                found[key] = _own(table, k, id, comparison, _probe_of(column.role, comparison, probe, probe_names))
    return list(found.values())


def _own(table: ModelTable, k: int, id: int, comparison: ComparisonRow, probe: str) -> OwnNumber:
    column, row = table.columns[k], table.ids.index(id)
    values, low, high = (part.array()[:, k] for part in (table.values, table.low, table.high))
    known = np.isfinite(values)
    has = bool(known[row])
    missing = next((m.sentence for m in table.missing if (m.row, m.column) == (row, k)), "Not computed.")
    return OwnNumber(
        comparison=comparison.id,
        probe=probe,
        measure=column.measure,
        slug=column.slug,
        layer=column.layer,
        value=float(values[row]) if has else None,
        low=_known(low[row]),
        high=_known(high[row]),
        of=int(known.sum()),
        rank=int((values[known] < values[row]).sum()) + 1 if has else None,
        sentence="" if has else missing,
    )


def _probe_of(role: str, comparison: ComparisonRow, held_out: int, names: dict[int, str]) -> str:
    """Names of the probe sets that a number was computed on; nothing for numbers of weights."""
    asked = comparison.specification
    held, train = names.get(held_out, ""), names.get(asked.train_probe or 0, "")
    if role == Role.NONE:
        return ""
    if role == Role.BOTH:
        return f"{train} and {held}"
    return train if role == Role.TRAIN and train else held


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _neighbourhoods(session: Session, id: int, shown: Sequence[ComparisonRow]) -> list[Neighbourhood]:
    """Who is nearest by the first measures of pairs, each of another family, of the newest comparisons."""
    out: list[Neighbourhood] = []
    families: set[str] = set()
    for comparison in shown:
        for name, question in questions.of_comparison(session, comparison.id):
            if question.arity is not Arity.PAIR or len(out) == MOST_MEASURES:
                continue
            card = measures.card_of(session, question.slug)
            if card.family in families or card.is_signed:
                continue
            asked = measures.find(session, comparison.id, name, layer=question.layer_a, other=question.layer_b)
            nearest = _nearest(matrices.matrix(session, asked), card, id)
            if nearest:
                families.add(card.family)
                about = {"measure": name, "slug": card.slug, "layer": question.layer_a or None}
                out.append(Neighbourhood(comparison=comparison.id, **about, nearest=nearest))
    return out


def _nearest(read: MatrixArrays, card: Card, id: int) -> list[Neighbour]:
    row = read.header.ids.index(id)
    values = np.array(read.values[row], dtype=np.float64)
    values[row] = np.nan
    order = np.argsort(card.unlikeness(values), kind="stable")
    return [
        Neighbour(
            id=read.header.ids[j],
            name=read.header.labels[j],
            value=float(values[j]),
            low=_known(read.low[row, j]),
            high=_known(read.high[row, j]),
        )
        for j in order[:MOST_NEAREST]
        if np.isfinite(values[j])
    ]
