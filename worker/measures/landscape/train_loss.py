"""The loss where sharpness is measured."""

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.linear_paths import outcomes_at
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="train-loss",
        title="Train loss",
        formula=r"\tfrac1N\sum_i -\log p_{i,y_i}",
        low=0.0,
        high=None,
        direction=Direction.LOWER_IS_BETTER,
        ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
        needs_labels=True,
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="200 samples",
        pitfalls="On the samples on which sharpness is measured: those of the train probe set where there is one. "
        "Every sharpness follows it, so associations are also given controlling for it.",
        source="Mean cross-entropy in eval mode, without augmentation",
    ),
)
def train_loss(subject: Subject) -> Measurement:
    """How well the network fits the samples on which its sharpness is measured, in nats."""
    losses, errors = outcomes_at(subject, subject.weights)
    notes: dict[str, float | int | str] = {"accuracy": 1 - float(errors.mean())}
    return Measurement(float(losses.mean()), group_means(losses, subject), notes=notes)
