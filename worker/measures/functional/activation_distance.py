"""Activation distance: how far apart the probability vectors are."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import distances, mean_distances_among, probabilities, row_means

ROOT_2 = 2**0.5


@measure(
    output_card(
        slug="activation-distance",
        title="Activation distance",
        formula=r"\frac{1}{N}\sum_i \lVert p_i - q_i\rVert_2",
        low=0.0,
        high=ROOT_2,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Strong: depends on confidence as well as on the predicted class, so two models that agree on every "
        "class can be far.",
        source="Chundawat et al. 2023, section 5",
    ),
    prepare=probabilities,
    all_pairs=SampleMeans(row_means(distances, among=mean_distances_among)),
)
def activation_distance(p: Tensor, q: Tensor) -> Tensor:
    """Mean Euclidean distance between the two probability vectors."""
    return distances(p, q).mean()
