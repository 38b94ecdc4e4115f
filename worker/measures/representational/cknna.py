"""Kernel alignment of shared nearest neighbours."""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.from_features import FromFeatures
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.neighbourhoods import (
    NEIGHBOURS,
    Neighbourhoods,
    are_shared,
    by_neighbourhoods,
    cosine_matrix,
    has_neighbours,
    neighbours,
)

# The unbiased estimator divides by n(n - 3).
FEWEST = 4
# Comparisons of lists at a time.
ENTRIES_AT_ONCE = 1 << 25


class Kernel(NamedTuple):
    """Inner products ``(samples, samples)`` of unit features, and whether each is a nearest neighbour."""

    gram: Tensor
    member: Tensor


def has_kernel(features: Tensor, *, k: int) -> None:
    """Refuse features that are too few, or whose neighbours are not defined."""
    if len(features) < FEWEST:
        raise Undefined(f"The unbiased estimator needs at least {FEWEST} samples; there are {len(features)}.")
    has_neighbours(features, k=k)


def kernel(features: Tensor, *, k: int) -> Kernel:
    """Inner products and neighbours of one layer."""
    has_kernel(features, k=k)
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


class Entries(NamedTuple):
    """Where a kernel is not zero: at the neighbours ``(left, k)`` of the samples that are left.

    Attributes:
        places: of the neighbours among the samples that are left.
        back: where in its neighbour's own list each sample stands, -1 where it does not.
    """

    places: Tensor
    back: Tensor


class SparseKernel(NamedTuple):
    """The kernel of one model: its entries, inner products ``(left, k)`` there, and its unbiased HSIC with itself."""

    entries: Entries
    gram: Tensor
    own: Tensor


def listed(near: Neighbourhoods, model: int) -> SparseKernel:
    """The kernel of one model by its lists."""
    left, k = near.order[model].shape
    everyone = torch.arange(left, device=near.rows.device)
    place = near.rows.new_zeros(int(near.rows[-1]) + 1)
    place[near.rows] = everyone
    places = place[near.order[model]]
    back = []
    for some in everyone.split(max(1, ENTRIES_AT_ONCE // (k * k))):
        is_back = places[places[some]] == some[:, None, None]
        back.append(torch.where(is_back.any(-1), is_back.to(torch.uint8).argmax(-1), -1))
    gram = near.cosines.of(model, near.rows, near.order[model])
    entries = Entries(places, torch.cat(back))
    return SparseKernel(entries, gram, hsic_of_listed(entries, gram, gram))


def hsic_of_listed(where: Entries, a: Tensor, b: Tensor) -> Tensor:
    """The same as ``unbiased_hsic`` for matrices given by their entries ``(left, k)`` at listed places."""
    n = len(a)
    across = b[where.places, where.back.clamp_min(0)] * (where.back >= 0)
    columns = [m.new_zeros(n).index_add_(0, where.places.flatten(), m.flatten()) for m in (a, b)]
    lines = (columns[0] @ b.sum(1) + columns[1] @ a.sum(1)) / 2
    return (a * across).sum() + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * lines


def score(near: Neighbourhoods, i: int, others: Tensor) -> Tensor:
    """Values of one model with several others, from their lists alone."""
    if len(near.rows) < FEWEST:
        return torch.full((len(others),), torch.nan, dtype=torch.float64)
    mine = near.once(("listed", i), partial(listed, near, i))
    out = []
    for j, both in zip(others.tolist(), are_shared(near, i, others), strict=True):
        yours = near.once(("listed", j), partial(listed, near, j))
        cross = hsic_of_listed(yours.entries, near.cosines.of(i, near.rows, near.order[j]) * both, yours.gram * both)
        own = mine.own * yours.own
        out.append(torch.where(own > 0, cross / own.clamp_min(1e-300).sqrt(), torch.nan))
    return torch.stack(out)


@measure(
    layer_card(
        slug="cknna",
        title="Centred kernel nearest-neighbour alignment (CKNNA)",
        formula=r"\frac{\mathrm{HSIC}_u(M\circ K,\ M\circ L)}{\sqrt{\mathrm{HSIC}_u(M_K\circ K, M_K\circ "
        r"K)\,\mathrm{HSIC}_u(M_L\circ L, M_L\circ L)}},\ M = M_K\circ M_L",
        low=None,
        high=None,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="10·k samples",
        pitfalls="Neighbours as in the authors' code: an edge counts when both layers have it in the same direction. "
        "Averaged over both orders of the layers, which the code is not. Can be slightly negative or above 1. Cosine "
        "of features as given; equal to twelve digits they tie. Intervals are up to 1.6 times too wide.",
        source="Huh et al. 2024, appendix A",
        parameters=NEIGHBOURS,
    ),
    prepare=kernel,
    all_pairs=FromFeatures(by_neighbourhoods(score, in_order=False), check=has_kernel),
    undefined="Neighbourhoods carry no structure: the alignment of a layer with itself is not positive.",
)
def cknna(x: Kernel, y: Kernel, **_: object) -> Tensor:
    """Unbiased CKA of two layers, restricted to nearest neighbours that both share."""
    return alignment(x, y)
