"""Error consistency: do two models fail on the same samples, beyond chance?"""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import correct_predictions, kappa, mean_products, spread


def terms(left: Tensor, right: Tensor) -> Tensor:
    """Share of samples on which both are right or both wrong, and both accuracies."""
    a, b = left.mean((1, 2)), right.mean((1, 2))
    both = mean_products(left, right) + mean_products(1 - left, 1 - right)
    return torch.stack([both, spread(a, len(b), over="columns"), spread(b, len(a), over="rows")])


def from_terms(means: Tensor) -> Tensor:
    """Kappa from the three means."""
    observed, a, b = means.unbind(-2)
    return kappa(observed, a * b + (1 - a) * (1 - b))


@measure(
    output_card(
        slug="error-consistency",
        title="Error consistency",
        formula=r"\kappa = \frac{c_{obs} - c_{exp}}{1 - c_{exp}},\quad c_{exp} = a\,b + (1-a)(1-b)",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        needs_labels=True,
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="20 errors of each model; near accuracy 1 it rests on a handful of samples",
        pitfalls="Uses correct or wrong only, not which wrong class. Unstable near accuracy 1.",
        source="Geirhos et al. 2020, section 2, equations 1-3",
        pace=Pace.PRODUCT,
    ),
    prepare=correct_predictions,
    all_pairs=SampleMeans(terms, finish=from_terms),
    undefined="Both models are always right (or always wrong), so chance explains every agreement: 0/0.",
)
def error_consistency(a: Tensor, b: Tensor) -> Tensor:
    """Cohen's kappa between the two models being correct: 0 is chance, 1 the same errors."""
    observed = (a == b).to(a.dtype).mean()
    expected = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    return kappa(observed, expected)
