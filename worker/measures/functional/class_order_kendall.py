"""Rank correlation of the whole order of classes."""

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Pace, Uncertainty
from worker.measures.functional.answers import mean_products, measure_of_answers
from worker.measures.inputs import Outputs, Undefined

MOST_CLASSES = 32


def pair_orders(outputs: Outputs, **_: object) -> Tensor:
    """For each pair of classes which comes first (-1, 0 for a tie, 1), at length 1 per sample."""
    z = outputs.logits
    if z.shape[1] > MOST_CLASSES:
        raise Undefined(f"Pairs of {z.shape[1]} classes are too many; use rank-disagreement with a k.")
    one, other = torch.triu_indices(z.shape[1], z.shape[1], offset=1, device=z.device)
    order = (z[:, one] - z[:, other]).sign()
    length = order.norm(dim=1, keepdim=True)
    if bool((length == 0).any()):
        raise Undefined("Some samples give all classes the same logit, so their order is 0/0.")
    return order / length


@measure_of_answers(
    slug="class-order-kendall",
    title="Class-order Kendall correlation",
    formula=r"\frac{1}{N}\sum_i \tau_b(p_i, q_i)",
    bounds=(-1.0, 1.0),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
    uncertainty=Uncertainty.MEAN_JACKKNIFE,
    reliable_from="100 samples",
    pitfalls="Every pair of classes counts alike, however unlikely both are. Up to 32 classes.",
    source="Kendall 1945, equation 3 (tau-b), over the classes of a sample, mean over samples",
    pace=Pace.PRODUCT,
    prepare=pair_orders,
    means=lambda left, right: mean_products(left, right).clamp(-1, 1),
)
def class_order_kendall(p: Tensor, q: Tensor) -> Tensor:
    """Mean over samples of Kendall's rank correlation between the two models' orders of the classes."""
    return (p * q).sum(1).mean().clamp(-1, 1)
