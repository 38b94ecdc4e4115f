"""Agreement of the predicted classes beyond chance."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import kappa, mean_products, one_hot_predictions


def terms(left: Tensor, right: Tensor) -> Tensor:
    """Share of agreement, then how often each side names each class."""
    a, b = left.double().mean(1).T, right.double().mean(1).T
    shape = (len(a), left.shape[0], right.shape[0])
    return torch.cat([mean_products(left, right)[None], a[:, :, None].expand(shape), b[:, None, :].expand(shape)])


def from_terms(means: Tensor) -> Tensor:
    """Kappa from agreement and the frequencies of the classes."""
    classes = (means.shape[-2] - 1) // 2
    a, b = means[..., 1 : 1 + classes, :], means[..., 1 + classes :, :]
    return kappa(means[..., 0, :], (a * b).sum(-2))


@measure(
    output_card(
        slug="prediction-kappa",
        title="Prediction kappa",
        formula=r"\kappa = \frac{c_{obs} - \sum_c a_c b_c}{1 - \sum_c a_c b_c}",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Weak: uses the predicted class only. Chance is the product of how often each model predicts a "
        "class, so two models that always predict the same class score 0/0.",
        source="Cohen 1960, equation 1",
        pace=Pace.PRODUCT,
    ),
    prepare=one_hot_predictions,
    all_pairs=SampleMeans(terms, finish=from_terms),
    undefined="Both models name one and the same class for every sample, so chance explains every agreement: 0/0.",
)
def prediction_kappa(a: Tensor, b: Tensor) -> Tensor:
    """Cohen's kappa of the two models' classes: 0 is chance, 1 full agreement."""
    a, b = a.double(), b.double()
    return kappa((a * b).sum(1).mean(), (a.mean(0) * b.mean(0)).sum())
