"""Jensen-Shannon distance of the answers."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import LN_2, HalfProbabilities, halved, jensen_shannon, jensen_shannon_means


@measure(
    output_card(
        slug="js-distance",
        version=2,
        title="Jensen-Shannon distance",
        formula=r"\frac{1}{N}\sum_i \sqrt{\mathrm{JS}(p_i, q_i)}",
        low=0.0,
        high=LN_2**0.5,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="The mean of the roots, not the root of the mean divergence. Rounding outside the range is cut.",
        source="Endres & Schindelin 2003, theorem 1; mean over samples",
    ),
    prepare=halved,
    all_pairs=SampleMeans(jensen_shannon_means, finish=lambda means: means[..., 1, :]),
)
def js_distance(p: HalfProbabilities, q: HalfProbabilities) -> Tensor:
    """Mean root of the Jensen-Shannon divergence (in nats); a metric."""
    return jensen_shannon(p, q).sqrt().mean()
