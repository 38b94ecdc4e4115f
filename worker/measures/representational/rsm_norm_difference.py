"""Norm of the difference of two similarity matrices."""

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Parameter, Uncertainty
from worker.measures.representational.layers import measure_of_layers
from worker.measures.representational.neighbours import cosine_matrix


def similarities(features: Tensor, *, inner: str) -> Tensor:
    """Sample-to-sample similarities (or distances) of one layer, ``(samples, samples)``."""
    x = features.to(torch.float64)
    if inner == "cosine":
        return cosine_matrix(x)
    return x @ x.T if inner == "dot" else torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")


@measure_of_layers(
    slug="rsm-norm-difference",
    title="RSM norm difference",
    formula=r"\frac{1}{N}\lVert S(X) - S(Y)\rVert_F",
    bounds=(0.0, None),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES},
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="100 samples",
    pitfalls="Not scaled: a layer with larger features is far from every other. Frobenius norm, not the spectral norm.",
    source="Yin & Shen 2018, definition 1 (inner products), divided by N",
    parameters=(
        Parameter(
            name="inner",
            default="dot",
            choices=("dot", "cosine", "euclidean"),
            help="How two samples of one model are compared.",
        ),
    ),
    prepare=similarities,
)
def rsm_norm_difference(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Root of the summed squared differences of the two similarity matrices, per sample."""
    return (x - y).norm() / len(x)
