"""Jensen-Shannon divergence of the answers."""

from collections.abc import Sequence

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.inputs import Outputs
from worker.measures.measure import measure

LN_2 = 0.6931471805599453


def probabilities(outputs: Outputs, **_: object) -> Tensor:
    """Softmax outputs ``(samples, classes)``."""
    return outputs.probabilities


def entropy(p: Tensor) -> Tensor:
    """Entropy over the last dimension, in nats."""
    terms: Tensor = torch.special.entr(p)
    return terms.sum(-1)


def all_pairs(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """One row of the matrix at a time, all columns at once."""
    q = torch.stack(list(right))
    own = entropy(q)
    rows = []
    for p in left:
        divergence = entropy((p + q) / 2) - (entropy(p) + own) / 2
        rows.append(divergence.clamp(0, LN_2).mean(1))
    return torch.stack(rows)


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
    pitfalls="In nats, at temperature 1. Rounding outside the range is cut. Its square root is a metric, "
    "the divergence is not.",
    source="Lin 1991, equation 4.1",
    prepare=probabilities,
    matrix=all_pairs,
)
def js_divergence(p: Tensor, q: Tensor) -> Tensor:
    """Mean Jensen-Shannon divergence of the two probability vectors, in nats."""
    return (entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2).clamp(0, LN_2).mean()
