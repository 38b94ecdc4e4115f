"""Disagreement: how often two models name different classes."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import mean_products, one_hot_predictions


def all_pairs(left: Tensor, right: Tensor) -> Tensor:
    """One minus the share of samples with the same class, as one product."""
    return 1 - mean_products(left, right)


@measure(
    output_card(
        slug="disagreement",
        title="Disagreement",
        formula=r"\frac{1}{N}\sum_i [\arg\max p_i \ne \arg\max q_i]",
        low=0.0,
        high=1.0,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        counts_events=True,
        reliable_from="100 samples; below ten expected disagreements the interval is rough",
        pitfalls="Weak: uses the predicted class only. Bounded by the sum of the two error rates.",
        source="Fort et al. 2019, section 4",
        pace=Pace.PRODUCT,
    ),
    prepare=one_hot_predictions,
    all_pairs=SampleMeans(all_pairs),
)
def disagreement(p: Tensor, q: Tensor) -> Tensor:
    """Share of samples for which the two models predict different classes."""
    return 1 - (p * q).sum().double() / p.shape[0]
