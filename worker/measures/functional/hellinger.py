"""Hellinger distance of the answers."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import distances, mean_distances_among, row_means

ROOT_2 = 2**0.5


def root_probabilities(outputs: Outputs, **_: object) -> Tensor:
    """Square roots of half the probabilities, ``(samples, classes)``."""
    return (outputs.log_probabilities / 2).exp_().div_(ROOT_2)


@measure(
    output_card(
        slug="hellinger",
        title="Hellinger distance",
        formula=r"\frac{1}{N}\sum_i \tfrac{1}{\sqrt2}\lVert\sqrt{p_i} - \sqrt{q_i}\rVert_2",
        low=0.0,
        high=1.0,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Strong; weighs differences between small probabilities more than the total variation does.",
        source="Le Cam & Yang 2000, section 3.1; mean over samples",
    ),
    prepare=root_probabilities,
    all_pairs=SampleMeans(row_means(distances, among=mean_distances_among)),
)
def hellinger(p: Tensor, q: Tensor) -> Tensor:
    """Mean Hellinger distance between the two probability vectors; a metric."""
    return distances(p, q).mean()
