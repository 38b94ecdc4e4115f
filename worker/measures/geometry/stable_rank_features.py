"""Stable rank of a representation."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.kernels import centred


@measure(
    one_layer_card(
        slug="stable-rank-features",
        title="Stable rank of the features",
        formula=r"\frac{\lVert X\rVert_F^2}{\lVert X\rVert_2^2}",
        low=1.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        reliable_from="ten samples per feature",
        pitfalls="Governed by the largest direction alone: one outlying direction brings it to 1.",
        source="Rudelson & Vershynin 2007, section 1; centred features",
    ),
)
def stable_rank_features(layer: Layer) -> Tensor:
    """Variance of a layer in units of its strongest direction."""
    variances = torch.linalg.svdvals(centred(layer.features)).square()
    return variances.sum() / variances[0]
