"""Jensen-Shannon divergence of the answers."""

from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.functional.answers import LN_2, Halved, halved, jensen_shannon, jensen_shannon_means
from worker.measures.measure import measure


@measure(
    slug="js-divergence",
    title="Jensen-Shannon divergence",
    family=Family.FUNCTIONAL,
    question=Question.ANSWER_ALIKE,
    formula=r"\frac{1}{N}\sum_i H(m_i) - \tfrac12 H(p_i) - \tfrac12 H(q_i),\quad m = \tfrac{p+q}{2}",
    input=Input.OUTPUTS,
    bounds=(0.0, LN_2),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    ignores={Change.SHIFT_LOGITS},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.MEAN_JACKKNIFE,
    reliable_from="100 samples",
    pitfalls="In nats, at temperature 1. Rounding outside the range is cut. Its square root is a metric, the "
    "divergence is not.",
    source="Lin 1991, equation 4.1",
    prepare=halved,
    means=jensen_shannon_means,
    finish=lambda means: means[..., 0, :],
)
def js_divergence(p: Halved, q: Halved) -> Tensor:
    """Mean Jensen-Shannon divergence of the two probability vectors, in nats."""
    return jensen_shannon(p, q).mean()
