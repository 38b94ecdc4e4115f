"""Chance-adjusted probabilistic agreement."""

from typing import NamedTuple

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import mean_products, spread


class LabelledProbabilities(NamedTuple):
    """Probabilities ``(samples, classes)``, and that of the label ``(samples, 1)``."""

    p: Tensor
    on_label: Tensor


def supported(outputs: Outputs, **_: object) -> LabelledProbabilities:
    """Probabilities, and what each label gets."""
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and the probe set has none.")
    return LabelledProbabilities(outputs.probabilities, outputs.probabilities.gather(1, outputs.labels[:, None]))


def adjusted(observed: Tensor, a: Tensor, b: Tensor, *, classes: int | Tensor) -> Tensor:
    """Agreement beyond chance; NaN where chance explains everything."""
    expected = a * b + (1 - a) * (1 - b) / (classes - 1)
    return torch.where(1 - expected < 1e-12, torch.nan, (observed - expected) / (1 - expected))


def terms(left: LabelledProbabilities, right: LabelledProbabilities) -> Tensor:
    """Agreement, both mean probabilities of the label, and the number of classes."""
    a, b = left.on_label.mean((1, 2)), right.on_label.mean((1, 2))
    agree = mean_products(left.p, right.p)
    classes = torch.full_like(agree, left.p.shape[2])
    return torch.stack([agree, spread(a, len(b), over="columns"), spread(b, len(a), over="rows"), classes])


def from_terms(means: Tensor) -> Tensor:
    """The adjusted agreement from the means."""
    observed, a, b, classes = means.unbind(-2)
    return adjusted(observed, a, b, classes=classes)


@measure(
    output_card(
        slug="capa",
        title="Chance-adjusted probabilistic agreement (CAPA)",
        formula=r"\kappa_p = \frac{c^p_{obs} - c^p_{exp}}{1 - c^p_{exp}},\quad c^p_{exp} = \bar p\,\bar q + "
        r"\frac{(1-\bar p)(1-\bar q)}{C - 1}",
        low=None,
        high=1.0,
        identical=None,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        needs_labels=True,
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="A model with itself does not score 1 unless its predictions are certain. Chance is that of two "
        "models with the same mean probability of the correct class.",
        source="Goel et al. 2025, section 2, equations 1-4",
        pace=Pace.PRODUCT,
    ),
    prepare=supported,
    all_pairs=SampleMeans(terms, finish=from_terms),
    undefined="Both models are certain and right everywhere, so chance explains every agreement: 0/0.",
)
def capa(a: LabelledProbabilities, b: LabelledProbabilities) -> Tensor:
    """Agreement of the probabilities beyond what two models of the same quality would have by chance."""
    observed = (a.p * b.p).sum(1).mean()
    return adjusted(observed, a.on_label.mean(), b.on_label.mean(), classes=a.p.shape[1])
