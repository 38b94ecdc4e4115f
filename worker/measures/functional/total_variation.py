"""Total variation distance of the answers."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import half_absolute, half_absolute_among, pair_means, probabilities


@measure(
    output_card(
        slug="total-variation",
        title="Total variation distance",
        formula=r"\frac{1}{N}\sum_i \tfrac12 \lVert p_i - q_i\rVert_1",
        low=0.0,
        high=1.0,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Strong: depends on confidence as well as on the predicted class. For one-hot predictions it equals "
        "the disagreement.",
        source="Levin & Peres 2017, proposition 4.2; mean over samples",
    ),
    prepare=probabilities,
    all_pairs=SampleMeans(pair_means(half_absolute, among=half_absolute_among)),
)
def total_variation(p: Tensor, q: Tensor) -> Tensor:
    """Mean over samples of the largest difference in the probability of any event."""
    return half_absolute(p, q)
