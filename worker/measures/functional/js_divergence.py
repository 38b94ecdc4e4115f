"""Jensen-Shannon divergence of the answers."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import LN_2, HalfProbabilities, halved, jensen_shannon, jensen_shannon_means


@measure(
    output_card(
        slug="js-divergence",
        version=2,
        title="Jensen-Shannon divergence",
        formula=r"\frac{1}{N}\sum_i H(m_i) - \tfrac12 H(p_i) - \tfrac12 H(q_i),\quad m = \tfrac{p+q}{2}",
        low=0.0,
        high=LN_2,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="In nats, at temperature 1. Rounding outside the range is cut. Its square root is a metric, the "
        "divergence is not.",
        source="Lin 1991, equation 4.1",
    ),
    prepare=halved,
    all_pairs=SampleMeans(jensen_shannon_means, finish=lambda means: means[..., 0, :]),
)
def js_divergence(p: HalfProbabilities, q: HalfProbabilities) -> Tensor:
    """Mean Jensen-Shannon divergence of the two probability vectors, in nats."""
    return jensen_shannon(p, q).mean()
