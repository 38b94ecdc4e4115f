"""Correlation of the logits."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import mean_products, unit_logits


@measure(
    output_card(
        slug="logit-correlation",
        title="Logit correlation",
        formula=r"\frac{1}{N}\sum_i \mathrm{corr}(z_i, w_i)",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Depends on the order and spacing of all classes, most of which are unlikely. With two classes "
        "every sample scores 1 or -1. Rounding outside the range is cut.",
        source="Pearson correlation over the classes, mean over samples",
        pace=Pace.PRODUCT,
    ),
    prepare=unit_logits,
    all_pairs=SampleMeans(lambda left, right: mean_products(left, right).clamp(-1, 1)),
)
def logit_correlation(p: Tensor, q: Tensor) -> Tensor:
    """Mean over samples of the correlation of the two models' logits."""
    return (p * q).sum(1).mean().clamp(-1, 1)
