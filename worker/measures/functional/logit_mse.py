"""Mean squared difference of the logits."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import centred_logits, mean_square_distances


def all_pairs(left: Tensor, right: Tensor) -> Tensor:
    """Mean squared distance over the number of classes."""
    return mean_square_distances(left, right) / left.shape[2]


@measure(
    output_card(
        slug="logit-mse",
        title="Logit mean squared error",
        formula=r"\frac{1}{NC}\sum_{i,c} (\tilde z_{ic} - \tilde w_{ic})^2",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="In the unit of the logits, so training longer makes it larger. The mean of every sample is removed "
        "first because softmax is invariant to it.",
        source="Ba & Caruana 2014, equation 1, with the mean of each sample removed",
        pace=Pace.PRODUCT,
    ),
    prepare=centred_logits,
    all_pairs=SampleMeans(all_pairs),
)
def logit_mse(p: Tensor, q: Tensor) -> Tensor:
    """Mean squared difference of the logits after removing each sample's mean, to which softmax is invariant."""
    return (p - q).square().mean()
