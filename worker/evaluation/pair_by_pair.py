"""Numbers of one pair after the other, and everything done again without each group of samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kinscape.worker.evaluation.batch import Batch, Pair, PairResults
from kinscape.worker.evaluation.intervals import NAN, others
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.progress import steps

if TYPE_CHECKING:
    from kinscape.worker.evaluation.measure import Measure


@dataclass(frozen=True)
class PairByPair:
    """The measure's own function for each pair of prepared models."""

    def evaluate(self, measure: "Measure", batch: Batch, settings: Mapping[str, Any]) -> PairResults:
        """Values of all pairs, and leave-one-group-out values where there are groups."""
        prepared = batch.prepared(measure.prepare, settings)
        results = PairResults.blank(len(batch.pairs), len(batch.groups))
        results.reasons, results.refused = prepared.reasons(batch.pairs), prepared.refused
        known = prepared.known(batch.pairs)
        if not known:
            return results
        pairs = [batch.pairs[k] for k in known]
        results.put(known, self.values(measure, prepared.left, prepared.right, pairs, settings))
        results.refused = prepared.refused
        if results.replicates is not None:
            results.replicates[:, known] = self._without_each_group(measure, batch, pairs, settings)
        return results

    def values(
        self,
        measure: "Measure",
        left: Mapping[int, Any],
        right: Mapping[int, Any],
        pairs: Sequence[Pair],
        settings: Mapping[str, Any],
    ) -> PairResults:
        """Values of prepared models, and a sentence where there is none."""
        results = PairResults.blank(len(pairs), 0)
        for k, (a, b) in steps(list(enumerate(pairs))):
            try:
                value = measure.compute(left[a], right[b], **settings)
            except Undefined as sentence:
                results.reasons[k] = str(sentence)
                continue
            if isinstance(value, Measurement):
                results.notes[k], results.series[k] = value.notes, value.series
                if value.warning:
                    results.warnings[k] = value.warning
            results.values[k] = value.value if isinstance(value, Measurement) else float(value)
        return results

    def _without_each_group(
        self, measure: "Measure", batch: Batch, pairs: Sequence[Pair], settings: Mapping[str, Any]
    ) -> Tensor:
        """Leave-one-group-out values ``(groups, pairs)``."""
        out = []
        for number in steps(range(len(batch.groups))):
            prepared = batch.rows(others(batch.groups, number)).prepared(measure.prepare, settings)
            there = prepared.known(pairs)
            values = torch.full((len(pairs),), NAN, dtype=torch.float64)
            if there:
                some = [pairs[k] for k in there]
                values[there] = self.values(measure, prepared.left, prepared.right, some, settings).values
            out.append(values)
        return torch.stack(out)
