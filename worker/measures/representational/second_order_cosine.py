"""Cosine of the similarities to nearest neighbours."""

from typing import NamedTuple

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.from_features import FromFeatures
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.neighbourhoods import (
    NEIGHBOURS,
    Cosines,
    Neighbourhoods,
    by_neighbourhoods,
    has_neighbours,
    neighbours,
)


class NeighbourCosines(NamedTuple):
    """Neighbours ``(left, k)`` of the samples that are left, and one model of those whose cosines are known."""

    order: Tensor
    rows: Tensor
    cosines: Cosines
    model: int


def local(features: Tensor, *, k: int) -> NeighbourCosines:
    """Neighbours and cosines of one layer."""
    everyone = torch.arange(len(features), device=features.device)
    return NeighbourCosines(neighbours(features, k=k), everyone, Cosines([features]), 0)


def of_union(a: NeighbourCosines, b: NeighbourCosines) -> Tensor:
    """Cosine of both vectors of similarities to the union of the neighbours, ``(left,)``; NaN where one is zero."""
    order = torch.cat([a.order, b.order], 1)
    known = (b.order.unsqueeze(-1) == a.order.unsqueeze(-2)).any(-1)
    counts = torch.cat([torch.ones_like(known), ~known], 1)
    s, t = (one.cosines.of(one.model, one.rows, order) * counts for one in (a, b))
    found = torch.nn.functional.cosine_similarity(s, t, dim=1, eps=1e-300)
    is_known = (s != 0).any(1) & (t != 0).any(1)
    return torch.where(is_known, found, torch.nan)


def score(near: Neighbourhoods, i: int, others: Tensor) -> Tensor:
    """Values of one model with several others."""
    mine = NeighbourCosines(near.order[i], near.rows, near.cosines, i)
    yours = [NeighbourCosines(near.order[j], near.rows, near.cosines, j) for j in others.tolist()]
    return torch.stack([of_union(mine, one).nanmean() for one in yours]).clamp(-1, 1)


@measure(
    layer_card(
        slug="second-order-cosine",
        version=2,
        title="Second-order cosine",
        formula=r"\frac1N\sum_i \cos\big(s_i, s^\prime_i\big),\quad s_{ij} = \cos(x_i, x_j),\ j \in "
        r"N_k(x_i)\cup N_k(y_i)",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="10·k samples",
        pitfalls="Similarities (not distances) to the union of both neighbourhoods. Crowds near 1, because "
        "neighbours are similar by choice. Samples at right angles to all their neighbours are left out.",
        source="Hamilton et al. 2016, section 3.3",
        parameters=NEIGHBOURS,
    ),
    prepare=local,
    all_pairs=FromFeatures(by_neighbourhoods(score), check=has_neighbours),
)
def second_order_cosine(x: NeighbourCosines, y: NeighbourCosines, **_: object) -> Tensor:
    """Whether a sample is equally similar to its nearest neighbours in both layers."""
    return of_union(x, y).nanmean().clamp(-1, 1)
