"""Jensen-Shannon distance of the answers."""

from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.functional.answers import LN_2, Halved, halved, jensen_shannon, jensen_shannon_means
from worker.measures.measure import measure


@measure(
    slug="js-distance",
    title="Jensen-Shannon distance",
    family=Family.FUNCTIONAL,
    question=Question.ANSWER_ALIKE,
    formula=r"\frac{1}{N}\sum_i \sqrt{\mathrm{JS}(p_i, q_i)}",
    input=Input.OUTPUTS,
    bounds=(0.0, LN_2**0.5),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    ignores={Change.SHIFT_LOGITS},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.MEAN_JACKKNIFE,
    reliable_from="100 samples",
    pitfalls="The mean of the roots, not the root of the mean divergence. Rounding outside the range is cut.",
    source="Endres & Schindelin 2003, theorem 1; mean over samples",
    prepare=halved,
    means=jensen_shannon_means,
    finish=lambda means: means[..., 1, :],
)
def js_distance(p: Halved, q: Halved) -> Tensor:
    """Mean root of the Jensen-Shannon divergence (in nats); a metric."""
    return jensen_shannon(p, q).sqrt().mean()
