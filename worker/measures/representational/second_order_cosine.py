"""Cosine of the similarities to nearest neighbours."""

from typing import NamedTuple

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Parameter, Question, Role, Uncertainty
from worker.measures.measure import Block, Together, measure
from worker.measures.representational.neighbours import Near, cosines, has_neighbours, nearest, over_neighbourhoods


class Local(NamedTuple):
    """Neighbours ``(samples, k)`` and cosines ``(samples, samples)``."""

    order: Tensor
    similarity: Tensor


def local(features: Tensor, *, k: int) -> Local:
    """Neighbours and cosines of one layer."""
    similarity = cosines(features)
    return Local(nearest(similarity, k=k), similarity)


def of_union(a: Local, b: Local) -> Tensor:
    """Cosine of both vectors of similarities to the union of the neighbours, ``(samples,)``.

    Args:
        a, b: neighbours ``(left, k)`` and the similarities of the samples that are left ``(left, samples)``.
    """
    new = (b.order.unsqueeze(-1) != a.order.unsqueeze(-2)).all(-1)
    dot, own_a, own_b = torch.zeros(3, len(a.order), dtype=torch.float64, device=a.order.device).unbind(0)
    for order, counts in ((a.order, torch.ones_like(new)), (b.order, new)):
        s, t = a.similarity.gather(1, order) * counts, b.similarity.gather(1, order) * counts
        dot = dot + (s * t).sum(1)
        own_a, own_b = own_a + s.square().sum(1), own_b + t.square().sum(1)
    return dot / (own_a * own_b).sqrt().clamp_min(1e-300)


def score(near: Near, i: int, others: Tensor) -> Tensor:
    """Values of one model with several others."""

    def of(m: int) -> Local:
        return Local(near.order[m], near.similarity[m][near.rows])

    mine = of(i)
    return torch.stack([of_union(mine, of(int(j))).mean() for j in others]).clamp(-1, 1)


def all_pairs(block: Block, *, k: int) -> Together:
    """Neighbours once per model; a leaving group only shortens the lists."""
    return over_neighbourhoods(block, score, k=k)


@measure(
    slug="second-order-cosine",
    title="Second-order cosine",
    family=Family.REPRESENTATIONAL,
    question=Question.SEE_ALIKE,
    formula=r"\frac1N\sum_i \cos\big(s_i, s^\prime_i\big),\quad s_{ij} = \cos(x_i, x_j),\ j \in "
    r"N_k(x_i)\cup N_k(y_i)",
    input=Input.FEATURES,
    bounds=(-1.0, 1.0),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="10·k samples",
    pitfalls="Similarities (not distances) to the union of both neighbourhoods. Crowds near 1, because "
    "neighbours are similar by choice.",
    source="Hamilton et al. 2016, section 3.3",
    parameters=(Parameter(name="k", default=10, minimum=1, maximum=1000, help="Neighbours per sample."),),
    prepare=local,
    together=all_pairs,
    check=has_neighbours,
)
def second_order_cosine(x: Local, y: Local, **_: object) -> Tensor:
    """Whether a sample is equally similar to its nearest neighbours in both layers."""
    return of_union(x, y).mean().clamp(-1, 1)
