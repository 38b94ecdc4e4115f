"""Magnitude difference of two representations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.prepared_matrix import PreparedMatrix
from kinscape.worker.measures.representational.family import layer_card


def description(features: Tensor) -> Tensor:
    """The one number that describes a layer."""
    return features.to(torch.float64).mean(0).norm()


def all_pairs(left: Sequence[Tensor], right: Sequence[Tensor], **_: object) -> Tensor:
    """Every difference of two numbers."""
    return (torch.stack(list(left))[:, None] - torch.stack(list(right))[None, :]).abs()


@measure(
    layer_card(
        slug="magnitude-difference",
        title="Magnitude difference",
        formula=r"\big|\,\lVert\bar x\rVert_2 - \lVert\bar y\rVert_2\,\big|",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Weak: two layers can have means of equal length and nothing else in common.",
        source="Wang et al. 2020, section 3",
        pace=Pace.PRODUCT,
        has_chance_level=False,
    ),
    prepare=description,
    all_pairs=PreparedMatrix(all_pairs),
)
def magnitude_difference(x: Tensor, y: Tensor) -> Tensor:
    """Difference of the lengths of the mean feature vectors."""
    return (x - y).abs()
