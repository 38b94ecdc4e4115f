"""Lists of nearest neighbours compared by the ranks of those that are shared."""

import torch
from torch import Tensor

from kinscape.worker.similarity.neighbourhoods import Neighbourhoods


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


def in_block(near: Neighbourhoods, i: int, others: Tensor) -> Tensor:
    """The same for one model and several others, ``(others, samples)``."""
    return torch.stack([of_lists(near.order[i], near.order[j]) for j in others])
