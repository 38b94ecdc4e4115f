"""The numbers of a comparison as the analyses of a study read them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from kinscape.backend.actions import matrices, measures
from kinscape.backend.actions.measures import AskedQuestion
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.cells import Estimate
from kinscape.backend.contracts.comparisons import OWN_SET
from kinscape.backend.store import comparisons, probes, questions
from kinscape.backend.store import matrices as stored
from kinscape.backend.studies.cast import Cast
from kinscape.backend.studies.data import PairColumn, SingleColumn, StudyData
from kinscape.backend.studies.several_sets import with_means

Floats = npt.NDArray[np.float64]
NOTHING = np.empty(0)


def study_data(session: Session, comparison: int, cast: Cast) -> StudyData:
    """Every number of a comparison, question by question."""
    specification = comparisons.get(session, comparison).specification
    asked_of = {m.name: m for m in specification.measures}
    sets = probes.names(session, {m.probe for m in asked_of.values() if m.probe is not None})
    pairs: list[PairColumn] = []
    singles: list[SingleColumn] = []
    for name, question in questions.of_comparison(session, comparison):
        if question.layer_a != question.layer_b:
            continue
        asked = measures.find(session, comparison, name, layer=question.layer_a)
        about = _about(asked, sets.get(asked_of[name].probe or 0, ""))
        if question.arity is Arity.PAIR:
            pairs.append(_pair_column(session, asked, about))
        else:
            singles.append(_single_column(session, asked, about))
    probe = None if specification.probe is None else probes.get(session, specification.probe)
    samples = 0 if probe is None else probe.facts.samples or 0
    return with_means(StudyData(cast, pairs, singles, samples))


def _about(asked: AskedQuestion, own_set: str) -> dict[str, Any]:
    """How a column is called: by its measure, settings, layer and probe set where these tell it from others."""
    base = OWN_SET.sub("", asked.name)
    layer = asked.question.layer_a
    at = f"@{layer}" if layer and layer != "penultimate" else ""
    settings = base.removeprefix(asked.card.slug)
    title = asked.card.title + (f" {settings}" if settings else "") + (f" · {layer}" if layer else "")
    return {
        "key": asked.name + at,
        "title": f"{title} on {own_set}" if own_set else title,
        "base": base + at,
        "own_set": own_set,
    }


def _pair_column(session: Session, asked: AskedQuestion, about: dict[str, Any]) -> PairColumn:
    cells = measures.cells_of(session, asked, with_replicates=True)
    index = matrices.index_of(asked, cells)
    place = {id: k for k, id in enumerate(asked.ids)}

    def replicates(a: int, b: int) -> Floats:
        if a not in place or b not in place or index[place[a], place[b]] < 0:
            return NOTHING
        found: Floats = cells.replicates[index[place[a], place[b]]]
        return found[np.isfinite(found)]

    return PairColumn(
        **about,
        card=asked.card,
        ids=asked.ids,
        values=np.append(cells.values, np.nan)[index],
        replicates=replicates,
        series=_series(session, asked),
    )


def _series(session: Session, asked: AskedQuestion) -> Callable[[int, int], Mapping[str, Sequence[object]]]:
    def read(a: int, b: int) -> Mapping[str, Sequence[object]]:
        cells = stored.cells_of_pair(session, [asked.question.id], a, b).get(asked.question.id)
        where = [] if cells is None else np.flatnonzero((cells.a == a) & (cells.b == b)).tolist()
        cell = cells.cell(where[0]) if cells is not None and where else None
        return cell.series if isinstance(cell, Estimate) else {}

    return read


def _single_column(session: Session, asked: AskedQuestion, about: dict[str, Any]) -> SingleColumn:
    cells = stored.cells_of_models(session, asked.question.id, asked.ids, with_replicates=True)
    known = {id: cell for id, cell in cells.items() if isinstance(cell, Estimate)}
    return SingleColumn(
        **about,
        card=asked.card,
        values={id: cell.value for id, cell in known.items() if cell.value is not None},
        layers={id: table for id, cell in known.items() if (table := _by_layer(cell))},
        replicates={id: np.array(cell.replicates) for id, cell in known.items() if cell.replicates},
    )


def _by_layer(cell: Estimate) -> dict[str, float]:
    columns = (cell.series.get("layer", ()), cell.series.get("value", ()))
    return {str(name): float(v) for name, v in zip(*columns, strict=False) if isinstance(v, (int, float))}
