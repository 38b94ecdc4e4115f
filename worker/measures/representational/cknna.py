"""Kernel alignment of shared nearest neighbours."""

from typing import NamedTuple

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Uncertainty
from worker.measures.inputs import Undefined
from worker.measures.representational.layers import measure_of_layers
from worker.measures.representational.neighbours import NEIGHBOURS, cosine_matrix, neighbours


class Kernel(NamedTuple):
    """Inner products ``(samples, samples)`` of unit features, and whether each is a nearest neighbour."""

    gram: Tensor
    member: Tensor


def kernel(features: Tensor, *, k: int) -> Kernel:
    """Inner products and neighbours of one layer."""
    if len(features) < 4:
        raise Undefined(f"The unbiased estimator needs at least 4 samples; there are {len(features)}.")
    gram = cosine_matrix(features)
    member = torch.zeros_like(gram, dtype=torch.bool)
    return Kernel(gram, member.scatter_(1, neighbours(features, k=k), value=True))


def unbiased_hsic(a: Tensor, b: Tensor) -> Tensor:
    """Unbiased HSIC times n(n-3) of two matrices with zero diagonals. Source: Song et al. 2012, equation 5."""
    n = len(a)
    trace = (a * b.T).sum()
    # Neighbourhoods are not mutual, so rows and columns differ; both orders count alike.
    lines = (a.sum(0) @ b.sum(1) + b.sum(0) @ a.sum(1)) / 2
    return trace + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * lines


def alignment(a: Kernel, b: Kernel) -> Tensor:
    """Alignment of the kernels where both layers see neighbours."""
    both = a.member & b.member
    cross = unbiased_hsic(a.gram * both, b.gram * both)
    own = unbiased_hsic(a.gram * a.member, a.gram * a.member) * unbiased_hsic(b.gram * b.member, b.gram * b.member)
    return torch.where(own > 0, cross / own.clamp_min(1e-300).sqrt(), torch.nan)


@measure_of_layers(
    slug="cknna",
    title="Centred kernel nearest-neighbour alignment (CKNNA)",
    formula=r"\frac{\mathrm{HSIC}_u(M\circ K,\ M\circ L)}{\sqrt{\mathrm{HSIC}_u(M_K\circ K, M_K\circ "
    r"K)\,\mathrm{HSIC}_u(M_L\circ L, M_L\circ L)}},\ M = M_K\circ M_L",
    bounds=(None, None),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="10·k samples",
    pitfalls="Neighbours as in the authors' code: an edge counts when both layers have it in the same direction. "
    "Averaged over both orders of the layers, which the code is not. Can be slightly negative or above 1. Cosine of "
    "features as given. Intervals are up to 1.6 times too wide.",
    source="Huh et al. 2024, appendix A",
    parameters=NEIGHBOURS,
    undefined="Neighbourhoods carry no structure: the alignment of a layer with itself is not positive.",
    prepare=kernel,
)
def cknna(x: Kernel, y: Kernel, **_: object) -> Tensor:
    """Unbiased CKA of two layers, restricted to nearest neighbours that both share."""
    return alignment(x, y)
