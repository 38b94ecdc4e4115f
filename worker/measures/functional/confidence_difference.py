"""Difference of the confidences."""

from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.functional.answers import row_means
from worker.measures.inputs import Outputs
from worker.measures.measure import measure


def confidence(outputs: Outputs, **_: object) -> Tensor:
    """The largest probability of each sample, ``(samples, 1)``."""
    return outputs.probabilities.amax(1, keepdim=True)


def per_sample(p: Tensor, q: Tensor) -> Tensor:
    """Difference of each sample."""
    return (p - q).abs().squeeze(-1)


@measure(
    slug="confidence-difference",
    title="Confidence difference",
    family=Family.FUNCTIONAL,
    question=Question.ANSWER_ALIKE,
    formula=r"\frac{1}{N}\sum_i |\max_c p_{ic} - \max_c q_{ic}|",
    input=Input.OUTPUTS,
    bounds=(0.0, 1.0),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    ignores={Change.SHIFT_LOGITS},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.MEAN_JACKKNIFE,
    reliable_from="100 samples",
    pitfalls="Weak: two models can be equally sure of different classes. Read it beside disagreement.",
    source="Absolute difference of the largest probabilities, mean over samples",
    prepare=confidence,
    means=row_means(per_sample),
)
def confidence_difference(p: Tensor, q: Tensor) -> Tensor:
    """Mean difference between how sure the two models are, whatever they answer."""
    return per_sample(p, q).mean()
