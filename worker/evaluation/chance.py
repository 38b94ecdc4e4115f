"""What pairs score when their samples no longer belong together."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Pace
from kinscape.worker.evaluation.batch import Batch
from kinscape.worker.evaluation.intervals import NAN, take_rows
from kinscape.worker.evaluation.measure import Measure
from kinscape.worker.evaluation.results import results_of
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.numerics.draws import generator_of

# With fewer samples per class, a shuffle within classes changes next to nothing.
FEWEST_PER_CLASS = 5
# Means over more draws would cost more than the measure itself; one draw of a path is expensive enough.
CHANCE_DRAWS = {Pace.PRODUCT: 4, Pace.PAIR: 2, Pace.PATH: 1}


def chance_levels(measure: Measure, batch: Batch, settings: Mapping[str, Any]) -> Tensor:
    """What each pair ``(pairs,)`` scores when its samples no longer belong together, mean over draws.

    Every model's samples are shuffled on their own: features then are independent, and outputs too;
    where there are labels, outputs are shuffled within a class, so that accuracies stay.
    """
    none = torch.full((len(batch.pairs),), NAN, dtype=torch.float64)
    some = next(iter(batch.left.values()), None)
    if some is None or not batch.pairs or (some.samples if isinstance(some, Outputs) else len(some)) < 2:
        # One sample shuffled is itself.
        return none
    labels = some.labels if isinstance(some, Outputs) else None
    if labels is not None and len(labels) < FEWEST_PER_CLASS * len(labels.unique()):
        return none
    generator = generator_of("shuffled samples")
    draws = CHANCE_DRAWS[measure.card.pace]
    total = torch.zeros(len(batch.pairs), dtype=torch.float64)
    for _ in range(draws):
        total += results_of(measure, batch.changed(lambda x: _shuffled(x, generator), groups=()), settings).values
    itself = torch.tensor([a == b and batch.one_side for a, b in batch.pairs])
    return torch.where(itself, none, total / draws)


def _shuffled(data: Any, generator: torch.Generator) -> Any:
    if not isinstance(data, Outputs) or data.labels is None:
        samples = data.samples if isinstance(data, Outputs) else len(data)
        return take_rows(data, torch.randperm(samples, generator=generator))
    labels = data.labels.cpu()
    order = torch.empty_like(labels)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        order[rows] = rows[torch.randperm(len(rows), generator=generator)]
    return take_rows(data, order)
