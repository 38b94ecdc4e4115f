"""Difference of the accuracies."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import correct_predictions


def differences(left: Tensor, right: Tensor) -> Tensor:
    """Every left mean minus every right mean."""
    return left.mean((1, 2))[:, None] - right.mean((1, 2))[None, :]


@measure(
    output_card(
        slug="accuracy-gap",
        title="Accuracy gap",
        formula=r"\mathrm{acc}_a - \mathrm{acc}_b",
        low=-1.0,
        high=1.0,
        identical=0.0,
        direction=Direction.NEAR_ZERO_IS_ALIKE,
        symmetric=False,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        needs_labels=True,
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Signed. Its interval is paired: much narrower than the two accuracies suggest.",
        source="Difference of two accuracies on the same samples",
        pace=Pace.PRODUCT,
        has_chance_level=False,
    ),
    prepare=correct_predictions,
    all_pairs=SampleMeans(differences),
)
def accuracy_gap(a: Tensor, b: Tensor) -> Tensor:
    """Accuracy of the first model minus accuracy of the second."""
    return a.mean() - b.mean()
