"""Kullback-Leibler divergence of the answers."""

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.functional.answers import Certain, row_means, with_logarithms
from worker.measures.measure import measure

IMPOSSIBLE = -1e20  # a logarithm below this stands for a probability of zero


def per_sample(p: Certain, q: Certain) -> Tensor:
    """Divergence of each sample, in nats."""
    return torch.where((p.p > 0) & (q.log_p < IMPOSSIBLE), torch.inf, p.p * (p.log_p - q.log_p)).sum(-1).clamp_min(0)


@measure(
    slug="kl-divergence",
    title="Kullback-Leibler divergence",
    family=Family.FUNCTIONAL,
    question=Question.ANSWER_ALIKE,
    formula=r"\frac{1}{N}\sum_i \sum_c p_{ic} (\log p_{ic} - \log q_{ic})",
    input=Input.OUTPUTS,
    bounds=(0.0, None),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    symmetric=False,
    ignores={Change.SHIFT_LOGITS},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.MEAN_JACKKNIFE,
    reliable_from="100 samples",
    pitfalls="Directed: expectation under the first model. A single sample on which the second is certain "
    "and wrong can dominate. In nats, at temperature 1; rounding below 0 is cut.",
    source="Kullback & Leibler 1951, equation 2.4",
    undefined="The second model gives probability zero to an answer of the first, so the divergence is infinite.",
    prepare=with_logarithms,
    means=row_means(per_sample),
)
def kl_divergence(p: Certain, q: Certain) -> Tensor:
    """Mean information lost when the second model answers in place of the first, in nats."""
    return per_sample(p, q).mean()
