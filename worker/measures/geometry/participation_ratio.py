"""Participation ratio of the variances."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.kernels import centred


@measure(
    one_layer_card(
        slug="participation-ratio",
        title="Participation ratio",
        formula=r"\frac{\big(\sum_k \lambda_k\big)^2}{\sum_k \lambda_k^2}",
        low=1.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        reliable_from="ten samples per feature; it cannot exceed the number of samples",
        pitfalls="Biased downwards when samples are few. Weighs strong directions more than RankMe does.",
        source="Gao et al. 2017, equation 1; eigenvalues of the covariance",
    ),
)
def participation_ratio(layer: Layer) -> Tensor:
    """How many directions share the variance of a layer."""
    variances = torch.linalg.svdvals(centred(layer.features)).square()
    return variances.sum().square() / variances.square().sum()
