"""Agreement of the ranks of shared neighbours."""

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Uncertainty
from worker.measures.representational.layers import measure_of_layers
from worker.measures.representational.neighbours import NEIGHBOURS, Near, by_neighbourhoods, has_neighbours, neighbours


def of_ranks(first: Tensor, second: Tensor, *, k: int) -> Tensor:
    """Agreement of the ranks of shared neighbours of each sample; 0 where none is shared.

    Args:
        first, second: ``(..., samples, k)`` rank from 1 in the second list of the neighbours of the first
            list, 0 where absent; and their rank in the first list.
    """
    shared = first > 0
    weight = 2 / ((1 + (first - second).abs()) * (first + second))
    weight = weight.where(shared, 0).sum(-1)
    harmonic = (1 / torch.arange(1, k + 1, dtype=weight.dtype, device=weight.device)).cumsum(0)
    count = shared.sum(-1)
    return torch.where(count > 0, weight / harmonic[(count - 1).clamp_min(0)], 0.0)


def of_lists(x: Tensor, y: Tensor) -> Tensor:
    """Agreement of the ranks of shared neighbours, from lists ``(samples, k)`` of both layers."""
    k = x.shape[-1]
    places = torch.arange(1, k + 1, dtype=torch.float64, device=x.device)
    there = (x.unsqueeze(-1) == y.unsqueeze(-2)) * places
    return of_ranks(there.sum(-1), places.expand(x.shape), k=k)


def in_block(near: Near, i: int, others: Tensor) -> Tensor:
    """The same for one model and several others, ``(others, samples)``."""
    return torch.stack([of_lists(near.order[i], near.order[j]) for j in others])


def score(near: Near, i: int, others: Tensor) -> Tensor:
    """Values of one model with several others."""
    return in_block(near, i, others).mean(1)


@measure_of_layers(
    slug="rank-similarity",
    title="Rank similarity of neighbours",
    formula=r"\frac1N\sum_i \frac{1}{H_{|S_i|}} \sum_{j\in S_i} "
    r"\frac{2}{(1+|r_{ij}-r^\prime_{ij}|)(r_{ij}+r^\prime_{ij})},\quad S_i = N_k(x_i)\cap "
    r"N_k(y_i)",
    bounds=(0.0, 1.0),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="10·k samples",
    pitfalls="Normalised by the neighbours that are shared, not by k: one shared nearest neighbour already gives 1. "
    "Read it beside knn-jaccard. Intervals are up to 1.5 times too wide.",
    source="Wang et al. 2020, equations 4-5",
    parameters=NEIGHBOURS,
    prepare=neighbours,
    together=by_neighbourhoods(score),
    check=has_neighbours,
)
def rank_similarity(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """How far the shared nearest neighbours of a sample are equally near in both layers."""
    return of_lists(x, y).mean()
