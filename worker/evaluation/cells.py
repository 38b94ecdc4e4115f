"""Cells of pairs of models: values, intervals, chance levels, or reasons."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Uncertainty
from kinscape.backend.contracts.cell_arrays import Cells
from kinscape.backend.contracts.cells import Detail, IntervalKind, Provenance, Reason, Told, Why
from kinscape.worker.evaluation.batch import Batch, PairResults
from kinscape.worker.evaluation.chance import chance_levels
from kinscape.worker.evaluation.intervals import FEWEST_GROUPS, NAN, RULE_OF_THREE, bounds, column, independent
from kinscape.worker.evaluation.measure import Measure, Settings
from kinscape.worker.evaluation.results import results_of
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import NeedsMore, Undefined

Floats = npt.NDArray[np.float64]
Given = TypeVar("Given", bound=Outputs | Layer | Tensor)


def not_applicable(sentence: str) -> Reason:
    """A reason that would not change if asked again."""
    return Reason(why=Why.NOT_APPLICABLE, sentence=sentence)


def reason_for(why: Undefined) -> Reason:
    """The cell of a number that does not exist."""
    if isinstance(why, NeedsMore):
        return Reason(why=Why.NEEDS_MORE, sentence=str(why))
    return not_applicable(str(why))


def finite(data: Given) -> Given:
    """Outputs, features or a layer, unless some values are NaN or infinite."""
    values = data.logits if isinstance(data, Outputs) else data.features if isinstance(data, Layer) else data
    # A sum is finite only when every value is: one pass for the many that are.
    bad = 0 if bool(values.sum().isfinite()) else int(values.numel() - values.isfinite().sum())
    if bad:
        if bad == int((values == -torch.inf).sum()):
            raise Undefined(
                f"{bad} of {values.numel()} values are -inf. If these are logits of classes that are ruled out, "
                "give probabilities instead, or a large negative number such as -1e4."
            )
        raise Undefined(f"{bad} of {values.numel()} values are NaN or infinite.")
    return data


def evaluate_pairs(measure: Measure, batch: Batch, settings: Settings) -> Cells:
    """Pairs of outputs, features or weights with their intervals and chance levels.

    Without groups there are values alone, and no chance level either.
    """
    if not batch.pairs:
        return Cells.of({})
    results = results_of(measure, batch, settings)
    chance = torch.full((len(batch.pairs),), NAN, dtype=torch.float64)
    if batch.groups and measure.card.has_chance_level:
        chance = chance_levels(measure, batch, settings)
    sizes = _sizes(batch)
    samples = int(sizes[:, 0].max(initial=0))
    low, high = bounds(measure.card, results.values, results.replicates, samples=samples)
    values = results.values.numpy()
    replicates = np.empty((len(sizes), 0)) if results.replicates is None else results.replicates.T.numpy().copy()
    has_interval = low.isfinite().numpy() & (replicates.shape[1] > 0)
    replicates[~has_interval] = np.nan
    texts, told = _texts(measure, results, sizes, _methods(measure, values, replicates, has_interval))
    known = np.ones(len(sizes), dtype=bool)
    known[list(results.reasons)] = False
    names = np.array(batch.pairs, dtype=np.int64).reshape(-1, 2)
    return Cells(
        a=names[:, 0],
        b=names[:, 1],
        values=np.where(known, values, np.nan),
        low=np.where(known, low.numpy(), np.nan),
        high=np.where(known, high.numpy(), np.nan),
        chance=np.where(known, chance.numpy(), np.nan),
        samples=sizes[:, 0],
        told=told,
        texts=texts,
        replicates=replicates,
        details=_details(results),
    )


def _sizes(batch: Batch) -> npt.NDArray[np.int64]:
    """Samples and larger width ``(pairs, 2)`` of each pair."""
    left, right = ({name: size_of(data) for name, data in side.items()} for side in (batch.left, batch.second))
    both = [np.array([side[p[k]] for p in batch.pairs]).reshape(-1, 2) for k, side in enumerate((left, right))]
    return np.stack([both[0][:, 0], np.maximum(both[0][:, 1], both[1][:, 1])], 1).astype(np.int64)


# How an interval was made, as positions in the list of methods.
NO_INTERVAL, USUAL, AT_AN_END = 0, 1, 2


def _methods(
    measure: Measure, values: Floats, replicates: Floats, has_interval: npt.NDArray[np.bool_]
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The ways in which intervals are made or are not, and which of them holds for each pair."""
    card, groups = measure.card, replicates.shape[1]
    why = "undefined without one of the groups" if groups >= FEWEST_GROUPS else "not asked for, or too few samples"
    none = str(card.uncertainty) if card.uncertainty is Uncertainty.EXACT else f"no interval: {why}"
    names = [none, f"{card.uncertainty}, {groups} groups, t interval", RULE_OF_THREE]
    which = np.where(has_interval, USUAL, NO_INTERVAL)
    if card.counts_events and groups:
        at_end = np.isin(values, [x for x in (card.low, card.high) if x is not None])
        which[has_interval & at_end & (np.ptp(replicates, axis=1) == 0)] = AT_AN_END
    return names, which


def _texts(
    measure: Measure,
    results: PairResults,
    sizes: npt.NDArray[np.int64],
    methods: tuple[list[str], npt.NDArray[np.int64]],
) -> tuple[tuple[Told, ...], npt.NDArray[np.int64]]:
    """How each number was made, or why there is none: the different texts, and which belongs to each pair."""
    names, which = methods
    kinds, told = np.unique(np.column_stack([which, sizes]), axis=0, return_inverse=True)
    texts: dict[Told, int] = {}
    codes = []
    for method, samples, width in kinds.tolist():
        interval = None if method == NO_INTERVAL else IntervalKind.SAMPLING
        warning = measure.small(samples, width) if measure.small else ""
        text = Provenance(interval=interval, method=names[method], warning=warning)
        codes.append(texts.setdefault(text, len(texts)))
    told = np.array(codes, dtype=np.int64)[told.reshape(-1)] if len(sizes) else told.reshape(-1)
    every = list(texts)
    for k, sentence in results.warnings.items():
        text = every[told[k]]
        if isinstance(text, Provenance):
            told[k] = texts.setdefault(
                text.model_copy(update={"warning": f"{text.warning} {sentence}".strip()}), len(texts)
            )
    for k, sentence in results.reasons.items():
        told[k] = texts.setdefault(not_applicable(sentence), len(texts))
    return tuple(texts), told


def _details(results: PairResults) -> dict[int, Detail]:
    places = {k for some in (results.notes, results.series) for k, value in some.items() if value}
    return {
        k: Detail(
            notes=results.notes.get(k, {}),
            series={name: column(values) for name, values in results.series.get(k, {}).items()},
        )
        for k in sorted(places - set(results.reasons))
    }


def size_of(data: Any) -> tuple[int, int]:
    """Samples and width of an input; 0 and 0 for weights. Positions of one sample are not counted as samples."""
    if isinstance(data, Outputs):
        return independent(data), int(data.logits.shape[1])
    if isinstance(data, Layer):
        return data.samples, int(data.features.shape[1])
    if isinstance(data, Tensor):
        return int(data.shape[0]), int(data.shape[-1])
    return 0, 0
