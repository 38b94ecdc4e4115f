"""Projection weighted canonical correlation analysis."""

from typing import NamedTuple

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.canonical_correlations import basis, room_for_correlations
from kinscape.worker.similarity.kernels import centred


class BasisAndWeights(NamedTuple):
    """An orthonormal basis ``(samples, rank)``, and the units in it ``(rank, width)``."""

    basis: Tensor
    units: Tensor


def weighed(features: Tensor, **_: object) -> BasisAndWeights:
    """Basis and units of one layer."""
    q = basis(features)
    return BasisAndWeights(q, q.T @ centred(features))


@measure(
    layer_card(
        slug="pwcca",
        version=2,
        title="PWCCA",
        formula=r"\frac{\sum_k \alpha_k \rho_k}{\sum_k \alpha_k},\quad \alpha_k = \sum_j |\langle h_k, "
        r"x_j\rangle|",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        symmetric=False,
        ignores={Change.PERMUTE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        ignores_of_second={
            Change.PERMUTE_FEATURES,
            Change.ROTATE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="ten samples per feature of both layers together",
        pitfalls="Directed: the first layer weighs. The weights sum over its units, so a rotation of the first layer "
        "changes them; any invertible map of the second does not. Undefined unless there are more samples than both "
        "ranks "
        "together. Intervals are up to 1.6 times too wide.",
        source="Morcos et al. 2018, section 2.2",
        takes_positions=True,
    ),
    prepare=weighed,
)
def pwcca(x: BasisAndWeights, y: BasisAndWeights) -> Tensor:
    """Canonical correlations of two layers, weighted by how much of the first layer each accounts for."""
    room_for_correlations(x.basis, y.basis)
    u, s, _vh = torch.linalg.svd(x.basis.T @ y.basis, full_matrices=False)
    weight = (u.T @ x.units).abs().sum(1)
    return (weight * s.clamp_max(1)).sum() / weight.sum()
