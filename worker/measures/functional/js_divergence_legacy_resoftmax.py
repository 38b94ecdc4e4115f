"""Jensen-Shannon divergence of probabilities that were put through softmax twice."""

from torch import Tensor

from backend.contracts.cards import Change, Direction, Uncertainty
from worker.measures.functional.answers import (
    LN_2,
    Halved,
    halves,
    jensen_shannon,
    jensen_shannon_means,
    measure_of_answers,
)
from worker.measures.inputs import Outputs


def twice_softened(outputs: Outputs, **_: object) -> Halved:
    """Half of the softmax of the softmax, and its entropy."""
    return halves(outputs.probabilities.softmax(1))


@measure_of_answers(
    slug="js-divergence-legacy-resoftmax",
    title="Jensen-Shannon divergence, softmax applied twice (legacy)",
    formula=r"\mathrm{JS}(\mathrm{softmax}(p),\ \mathrm{softmax}(q))",
    bounds=(0.0, LN_2),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    ignores={Change.SHIFT_LOGITS},
    uncertainty=Uncertainty.MEAN_JACKKNIFE,
    reliable_from="100 samples",
    pitfalls="Only to reproduce published numbers: it shrinks the divergence about 40 times at 10 classes, "
    "more at more classes. Use js-divergence.",
    source="Published distillation code that passes probabilities where logits are expected",
    prepare=twice_softened,
    means=jensen_shannon_means,
    finish=lambda means: means[..., 0, :],
)
def js_divergence_legacy_resoftmax(p: Halved, q: Halved) -> Tensor:
    """Jensen-Shannon divergence as some published code computes it, in nats."""
    return jensen_shannon(p, q).mean()
