"""Difference of the losses."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.functional.family import output_card
from kinscape.worker.similarity.outputs import NO_LOGIT


def differences(left: Tensor, right: Tensor) -> Tensor:
    """Every left mean minus every right mean."""
    return left.mean((1, 2))[:, None] - right.mean((1, 2))[None, :]


def sample_losses(outputs: Outputs, **_: object) -> Tensor:
    """Cross-entropy of each sample in nats, ``(samples, 1)``."""
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and the probe set has none.")
    losses = -outputs.log_probabilities.gather(1, outputs.labels[:, None])
    if bool((losses > -NO_LOGIT / 10).any()):
        raise Undefined("A right answer got probability zero, so the loss is infinite.")
    return losses


@measure(
    output_card(
        slug="loss-gap",
        title="Loss gap",
        formula=r"L_a - L_b",
        low=None,
        high=None,
        identical=0.0,
        direction=Direction.NEAR_ZERO_IS_ALIKE,
        symmetric=False,
        ignores={Change.SHIFT_LOGITS},
        needs_labels=True,
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Signed. A few confidently wrong samples can dominate both losses.",
        source="Difference of two mean cross-entropies on the same samples",
        pace=Pace.PRODUCT,
        has_chance_level=False,
    ),
    prepare=sample_losses,
    all_pairs=SampleMeans(differences),
)
def loss_gap(a: Tensor, b: Tensor) -> Tensor:
    """Cross-entropy of the first model minus that of the second, in nats."""
    return a.mean() - b.mean()
