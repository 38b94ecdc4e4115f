"""Disagreement relative to the errors of the first model."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import PredictedClass, disagreement_and_accuracies, predicted_class


def ratio(disagree: Tensor, error: Tensor) -> Tensor:
    """Disagreement over error; NaN where there is no error."""
    return torch.where(error < 1e-12, torch.nan, disagree / error)


def from_terms(means: Tensor) -> Tensor:
    """The ratio from the means."""
    return ratio(means[..., 0, :], 1 - means[..., 1, :])


@measure(
    output_card(
        slug="disagreement-normalised",
        title="Disagreement, normalised by error",
        formula=r"\frac{d(a, b)}{1 - \mathrm{acc}_a}",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        symmetric=False,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        needs_labels=True,
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="20 errors of the first model",
        pitfalls="Directed: the first model divides. Independent errors of equal models score near 2 times (1 - "
        "chance of the same wrong class).",
        source="Fort et al. 2019, section 4",
        pace=Pace.PRODUCT,
    ),
    prepare=predicted_class,
    all_pairs=SampleMeans(disagreement_and_accuracies, finish=from_terms),
    undefined="The first model makes no error, so there is nothing to divide by.",
)
def disagreement_normalised(a: PredictedClass, b: PredictedClass) -> Tensor:
    """Disagreement divided by the error rate of the first model."""
    disagree = 1 - (a.named * b.named).sum().double() / len(a.named)
    return ratio(disagree, 1 - a.right.mean())
