"""Difference of the confidences."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import row_means


def confidence(outputs: Outputs, **_: object) -> Tensor:
    """The largest probability of each sample, ``(samples, 1)``."""
    return outputs.probabilities.amax(1, keepdim=True)


def per_sample(p: Tensor, q: Tensor) -> Tensor:
    """Difference of each sample."""
    return (p - q).abs().squeeze(-1)


@measure(
    output_card(
        slug="confidence-difference",
        title="Confidence difference",
        formula=r"\frac{1}{N}\sum_i |\max_c p_{ic} - \max_c q_{ic}|",
        low=0.0,
        high=1.0,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Weak: two models can be equally sure of different classes. Read it together with disagreement.",
        source="Absolute difference of the largest probabilities, mean over samples",
    ),
    prepare=confidence,
    all_pairs=SampleMeans(row_means(per_sample)),
)
def confidence_difference(p: Tensor, q: Tensor) -> Tensor:
    """Mean absolute difference of the two models' confidences, whatever they predict."""
    return per_sample(p, q).mean()
