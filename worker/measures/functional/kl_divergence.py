"""Kullback-Leibler divergence of the answers."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import Probabilities, mean_products, with_logarithms

IMPOSSIBLE = 1e6  # nats no pair of finite logits has; probabilities of zero have a stand-in logarithm


def all_pairs(left: Probabilities, right: Probabilities) -> Tensor:
    """Cross-entropy minus entropy of every pair, as two products."""
    own = (left.p * left.log_p).sum(-1).mean(-1)
    return own[:, None] - mean_products(left.p, right.log_p)


def from_terms(means: Tensor) -> Tensor:
    """The divergence, infinite where the second model rules out what the first expects."""
    lost = means[..., 0, :]
    return torch.where(lost > IMPOSSIBLE, torch.inf, lost.clamp_min(0))


@measure(
    output_card(
        slug="kl-divergence",
        title="Kullback-Leibler divergence",
        formula=r"\frac{1}{N}\sum_i \sum_c p_{ic} (\log p_{ic} - \log q_{ic})",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        symmetric=False,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Directed: expectation under the first model. A single sample on which the second is certain "
        "and wrong can dominate. In nats, at temperature 1; rounding below 0 is cut.",
        source="Kullback & Leibler 1951, equation 2.4",
        pace=Pace.PRODUCT,
    ),
    prepare=with_logarithms,
    all_pairs=SampleMeans(all_pairs, finish=from_terms),
    undefined="The second model gives probability zero to an answer of the first, so the divergence is infinite.",
)
def kl_divergence(p: Probabilities, q: Probabilities) -> Tensor:
    """Mean Kullback–Leibler divergence of the second model's predictions from the first's, in nats."""
    lost = (p.p * (p.log_p - q.log_p)).sum(-1).mean()
    return from_terms(lost[None, None])[0]
