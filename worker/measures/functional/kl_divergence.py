"""Kullback-Leibler divergence of the answers."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import Probabilities, mean_products, with_logarithms

# A probability of zero has a logarithm of -1e30 in its place.
IMPOSSIBLE = -1e29
# Below this the difference of entropies has fewer than nine digits.
CLOSE = 1e-7
# Below this the series of exp(x) - 1 - x is exact to 1e-12, which leaves out x⁷/5040.
SMALL = 0.01


def all_pairs(left: Probabilities, right: Probabilities) -> Tensor:
    """Cross-entropy minus entropy of every pair, as two products, and how often q rules out what p does not."""
    ruled_out = right.log_p < IMPOSSIBLE
    rules_out = bool(ruled_out.any())
    own = (left.p * left.log_p).sum(-1).mean(-1)
    found = own[:, None] - mean_products(left.p, right.log_p.masked_fill(ruled_out, 0) if rules_out else right.log_p)
    close = found < CLOSE
    if left is right:
        found.fill_diagonal_(0)
        close.fill_diagonal_(False)
    for i, j in close.nonzero().tolist():
        found[i, j] = divergence(Probabilities(left.p[i], left.log_p[i]), Probabilities(right.p[j], right.log_p[j]))
    if not rules_out:
        return torch.stack([found, torch.zeros_like(found)])
    return torch.stack([found, mean_products((left.p > 0).to(left.p.dtype), ruled_out.to(left.p.dtype))])


def divergence(p: Probabilities, q: Probabilities) -> Tensor:
    """Mean divergence of two models, each term of its sum at least 0, so that nothing cancels.

    Σ p (log p - log q) = Σ p (exp(x) - 1 - x) with x = log q - log p, as Σ q = Σ p.
    """
    x = torch.where(q.log_p < IMPOSSIBLE, 0, q.log_p - p.log_p)
    series = x.square() / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6))))
    terms = p.p * torch.where(x.abs() < SMALL, series, torch.expm1(x) - x)
    return torch.where(p.p > 0, terms, q.p).sum(-1).mean()


def from_terms(means: Tensor) -> Tensor:
    """The divergence, infinite where the second model rules out what the first expects."""
    return torch.where(means[..., 1, :] > 0, torch.inf, means[..., 0, :].clamp_min(0))


@measure(
    output_card(
        slug="kl-divergence",
        version=2,
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
    ruled_out = ((q.log_p < IMPOSSIBLE) & (p.p > 0)).sum()
    return torch.where(ruled_out > 0, torch.inf, divergence(p, q))
