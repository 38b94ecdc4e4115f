"""Disagreement between the least and the most that two error rates allow."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import PredictedClass, disagreement_and_accuracies, predicted_class


def between(disagree: Tensor, error_a: Tensor, error_b: Tensor) -> Tensor:
    """Place of the disagreement within its possible range; NaN where the range is one point."""
    least, most = (error_a - error_b).abs(), (error_a + error_b).clamp_max(1)
    room = most - least
    return torch.where(room < 1e-12, torch.nan, ((disagree - least) / room).clamp(0, 1))


def from_terms(means: Tensor) -> Tensor:
    """The place from the three means."""
    disagree, a, b = means.unbind(-2)
    return between(disagree, 1 - a, 1 - b)


@measure(
    output_card(
        slug="disagreement-minmax",
        title="Disagreement, min-max normalised",
        formula=r"\frac{d - d_{\min}}{d_{\max} - d_{\min}},\quad d_{\min} = |e_a - e_b|,\ d_{\max} = \min(e_a "
        r"+ e_b, 1)",
        low=0.0,
        high=1.0,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        needs_labels=True,
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="20 errors of each model",
        pitfalls="0 means as alike as the error rates allow, not identical. Unstable when one model is nearly perfect.",
        source="Klabunde et al. 2025, survey of similarity measures, section 4.1",
        pace=Pace.PRODUCT,
    ),
    prepare=predicted_class,
    all_pairs=SampleMeans(disagreement_and_accuracies, finish=from_terms),
    undefined="The error rates leave only one possible disagreement: 0/0.",
)
def disagreement_minmax(a: PredictedClass, b: PredictedClass) -> Tensor:
    """Where disagreement lies between the least and the most that both error rates allow."""
    disagree = 1 - (a.named * b.named).sum().double() / len(a.named)
    return between(disagree, 1 - a.right.mean(), 1 - b.right.mean())
