"""Cosine similarity of the probability vectors."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import mean_products


def unit_probabilities(outputs: Outputs, **_: object) -> Tensor:
    """Probability vectors divided by their length, ``(samples, classes)``."""
    return torch.nn.functional.normalize(outputs.probabilities, dim=1)


@measure(
    output_card(
        slug="prediction-cosine",
        title="Prediction cosine",
        formula=r"\frac{1}{N}\sum_i \frac{\langle p_i, q_i\rangle}{\lVert p_i\rVert\,\lVert q_i\rVert}",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Crowds near 1 for good models; rounding above 1 is cut. Read the distances as well.",
        source="Cosine similarity, mean over samples",
        pace=Pace.PRODUCT,
    ),
    prepare=unit_probabilities,
    all_pairs=SampleMeans(lambda left, right: mean_products(left, right).clamp_max(1)),
)
def prediction_cosine(p: Tensor, q: Tensor) -> Tensor:
    """Mean cosine of the angle between the two probability vectors."""
    return ((p * q).sum() / p.shape[0]).clamp_max(1.0)
