"""Rank correlation of the whole order of classes."""

from typing import NamedTuple

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import mean_products

# 496 pairs of classes per sample; memory is quadratic in classes.
MOST_CLASSES = 32


class ClassOrders(NamedTuple):
    """For each pair of classes which comes first (-1, 0 for a tie, 1), int8, and how many pairs are no tie.

    Attributes:
        signs: ``(samples, pairs of classes)``.
        untied: ``(samples, 1)``.
    """

    signs: Tensor
    untied: Tensor


def pair_orders(outputs: Outputs, **_: object) -> ClassOrders:
    """The order of every pair of classes."""
    z = outputs.logits.T.contiguous()
    if len(z) > MOST_CLASSES:
        raise Undefined(f"Pairs of {len(z)} classes are too many; use rank-disagreement with a k.")
    steps = range(1, len(z))
    signs = z.new_empty(sum(steps), z.shape[1], dtype=torch.int8)
    for k, some in zip(steps, signs.split([len(z) - k for k in steps]), strict=True):
        torch.sub((z[:-k] > z[k:]).view(torch.int8), (z[:-k] < z[k:]).view(torch.int8), out=some)
    untied = signs.abs().sum(0)[:, None]
    if bool((untied == 0).any()):
        raise Undefined("Some samples give all classes the same logit, so their order is 0/0.")
    return ClassOrders(signs.T.contiguous(), untied)


def mean_correlations(left: ClassOrders, right: ClassOrders) -> Tensor:
    """Mean over samples of the correlation of every pair of stacks, as one product."""
    pairs = left.signs.shape[-1]
    if bool((left.untied == pairs).all()) and bool((right.untied == pairs).all()):
        # Whole numbers far below 2^24: their sums are exact in float32.
        one = left.signs.to(torch.float32)
        other = one if left is right else right.signs.to(torch.float32)
        return (mean_products(one, other) / pairs).clamp(-1, 1)
    one, other = (side.signs.double() / side.untied.double().sqrt() for side in (left, right))
    return mean_products(one, other).clamp(-1, 1)


@measure(
    output_card(
        slug="class-order-kendall",
        title="Class-order Kendall correlation",
        formula=r"\frac{1}{N}\sum_i \tau_b(p_i, q_i)",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Every pair of classes has the same weight, however unlikely both are. Up to 32 classes.",
        source="Kendall 1945, equation 3 (tau-b), over the classes of a sample, mean over samples",
        pace=Pace.PRODUCT,
    ),
    prepare=pair_orders,
    all_pairs=SampleMeans(mean_correlations),
)
def class_order_kendall(p: ClassOrders, q: ClassOrders) -> Tensor:
    """Mean over samples of Kendall's rank correlation between the two models' orders of the classes."""
    scale = (p.untied.double() * q.untied.double()).sqrt()
    return ((p.signs * q.signs).double().sum(1, keepdim=True) / scale).mean().clamp(-1, 1)
