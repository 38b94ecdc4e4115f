"""Angle between two representations after the best rotation."""

import math

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features, FromFeatures
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.canonical_correlations import over_pairs
from kinscape.worker.similarity.kernels import not_constant
from kinscape.worker.similarity.rotation import nuclear_norm, unit_centred

RIGHT_ANGLE = math.pi / 2
# Rounding of float64; the arc cosine would make 1e-7 of it.
SAME = 1e-14


def angle(nuclear: Tensor) -> Tensor:
    """Arc cosine; what is 1 up to rounding is an angle of 0."""
    return torch.where(nuclear > 1 - SAME, 0.0, nuclear.clamp(0, 1).arccos())


def all_pairs(batch: Features) -> PairResults:
    """Norms once per model; intervals from the influence of single samples."""

    def of_pair(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        whole, without = nuclear_norm(x, y, batch.groups)
        return angle(whole), angle(without)

    return over_pairs(batch, unit_centred, of_pair)


@measure(
    layer_card(
        slug="angular-shape-distance",
        title="Angular shape distance",
        formula=r"\arccos \lVert X^\top Y\rVert_*",
        low=0.0,
        high=RIGHT_ANGLE,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        uncertainty=Uncertainty.FIRST_ORDER,
        reliable_from="samples well above the width",
        pitfalls="Centred, unit Frobenius norm. Rounding above 1 is cut before the arc cosine, whose slope is "
        "infinite there: differences below 1e-7 mean nothing.",
        source="Williams et al. 2021, section 2.2",
        takes_positions=True,
    ),
    prepare=unit_centred,
    all_pairs=FromFeatures(all_pairs, check=not_constant),
)
def angular_shape_distance(x: Tensor, y: Tensor) -> Tensor:
    """Angle between two layers, in radians, after the best rotation of one onto the other; a metric."""
    nuclear = torch.linalg.svdvals(x.T @ y).sum()
    return angle(nuclear)
