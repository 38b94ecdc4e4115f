"""Orthogonal Procrustes distance of two representations."""

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


def all_pairs(batch: Features) -> PairResults:
    """Norms once per model; intervals from the influence of single samples."""

    def of_pair(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        whole, without = nuclear_norm(x, y, batch.groups)
        return (2 - 2 * whole).clamp_min(0), (2 - 2 * without).clamp_min(0)

    return over_pairs(batch, unit_centred, of_pair)


@measure(
    layer_card(
        slug="procrustes",
        title="Orthogonal Procrustes distance",
        formula=r"\lVert X\rVert_F^2 + \lVert Y\rVert_F^2 - 2\lVert X^\top Y\rVert_*",
        low=0.0,
        high=2.0,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        uncertainty=Uncertainty.FIRST_ORDER,
        reliable_from="samples well above the width; with fewer samples than features all layers look close",
        pitfalls="Squared, hence no metric: maps use its root. Centred, unit Frobenius norm. Rounding below zero "
        "is cut. One minus half of it is the normalised Bures similarity.",
        source="Ding et al. 2021, section 2",
        takes_positions=True,
    ),
    prepare=unit_centred,
    all_pairs=FromFeatures(all_pairs, check=not_constant),
)
def procrustes(x: Tensor, y: Tensor) -> Tensor:
    """Squared distance that is left after the best rotation of one layer onto the other."""
    nuclear = torch.linalg.svdvals(x.T @ y).sum()
    return (2 - 2 * nuclear).clamp_min(0)
