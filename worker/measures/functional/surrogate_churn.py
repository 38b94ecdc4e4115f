"""Surrogate of the churn that sees confidence."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Parameter, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import half_absolute, half_absolute_among, pair_means


def relative(outputs: Outputs, *, alpha: float) -> Tensor:
    """Probabilities over the largest of their sample, to the power alpha, ``(samples, classes)``."""
    z = outputs.logits
    return (alpha * (z - z.amax(1, keepdim=True))).exp()


@measure(
    output_card(
        slug="surrogate-churn",
        title="Surrogate churn",
        formula=r"\frac{1}{2N}\sum_i \Big\lVert \big(\tfrac{p_i}{\max p_i}\big)^\alpha - "
        r"\big(\tfrac{q_i}{\max q_i}\big)^\alpha \Big\rVert_1",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="For large alpha it becomes the disagreement; for alpha = 1 unlikely classes contribute as well.",
        source="Bhojanapalli et al. 2021, section 3",
        parameters=(
            Parameter(
                name="alpha",
                default=1.0,
                minimum=0.01,
                maximum=1000.0,
                help="Exponent; large values depend on the predicted class alone.",
            ),
        ),
    ),
    prepare=relative,
    all_pairs=SampleMeans(pair_means(half_absolute, among=half_absolute_among)),
)
def surrogate_churn(p: Tensor, q: Tensor, **_: object) -> Tensor:
    """Half the absolute difference of the probabilities, each divided by the largest of its sample."""
    return half_absolute(p, q)
