"""Disagreement of the whole order of classes."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Parameter, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import pair_means


def first_places(outputs: Outputs, *, k: int) -> Tensor:
    """The first k classes of each sample's order ``(samples, k)``; for all of them, the place of each class."""
    # As many classes stand at another place as places are held by another class.
    if not 0 < k < outputs.logits.shape[1]:
        return outputs.places
    return outputs.order[:, :k]


def share(p: Tensor, q: Tensor, **_: object) -> Tensor:
    """Share of positions of rows ``(..., rows, k)`` that differ."""
    differ = (p != q).flatten(-2)
    return differ.sum(-1).to(torch.float64) / differ.shape[-1]


def share_among(stack: Tensor) -> Tensor:
    """The same for all pairs of a stack ``(models, rows, k)``."""
    # Counts stay exact in float32 up to 2^24 of them, far more than a piece of samples has.
    return torch.pdist(stack.flatten(1).to(torch.float32), p=0).double() / stack[0].numel()


@measure(
    output_card(
        slug="rank-disagreement",
        title="Rank disagreement",
        formula=r"\frac{1}{NK}\sum_i \sum_{r \le K} [\pi_i(r) \ne \sigma_i(r)]",
        low=0.0,
        high=1.0,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Weighs the unlikely tail like the top, so hundreds of classes score near 1; restrict it to the "
        "first positions with k. Ties go to the lower class.",
        source="Defined here: share of positions at which the orders of the classes differ",
        parameters=(
            Parameter(
                name="k",
                default=0,
                minimum=0,
                maximum=100000,
                help="Positions to compare, from the most likely; 0 for all.",
            ),
        ),
    ),
    prepare=first_places,
    all_pairs=SampleMeans(pair_means(share, among=share_among)),
)
def rank_disagreement(p: Tensor, q: Tensor, **_: object) -> Tensor:
    """Share of ranks at which the two models place different classes."""
    return share(p, q)
