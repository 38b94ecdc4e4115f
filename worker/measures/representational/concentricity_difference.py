"""Concentricity difference of two representations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.prepared_matrix import PreparedMatrix
from kinscape.worker.measures.representational.family import layer_card


def description(features: Tensor) -> Tensor:
    """The one number that describes a layer."""
    x = features.to(torch.float64)
    x = x / x.abs().amax().clamp_min(1e-300)
    return torch.nn.functional.cosine_similarity(x, x.mean(0, keepdim=True), dim=1).mean()


def all_pairs(left: Sequence[Tensor], right: Sequence[Tensor], **_: object) -> Tensor:
    """Every difference of two numbers."""
    return (torch.stack(list(left))[:, None] - torch.stack(list(right))[None, :]).abs()


@measure(
    layer_card(
        slug="concentricity-difference",
        title="Concentricity difference",
        formula=r"\Big|\tfrac1N\sum_i \cos(x_i, \bar x) - \tfrac1N\sum_i \cos(y_i, \bar y)\Big|",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Weak: only how narrow the cone of samples is. Samples that are zero count as 0.",
        source="Wang et al. 2020, section 3",
        pace=Pace.PRODUCT,
        has_chance_level=False,
    ),
    prepare=description,
    all_pairs=PreparedMatrix(all_pairs),
)
def concentricity_difference(x: Tensor, y: Tensor) -> Tensor:
    """Difference of how closely samples point along their mean."""
    return (x - y).abs()
