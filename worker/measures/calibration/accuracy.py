"""Accuracy."""

from torch import Tensor

from kinscape.backend.contracts.cards import Arity, Card, Change, Direction, Family, Input, Role, Topic, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs


def correct_predictions(outputs: Outputs, **_: object) -> Tensor:
    """1 where the model is right, ``(samples,)``."""
    return outputs.right


@measure(
    Card(
        slug="accuracy",
        title="Accuracy",
        family=Family.CALIBRATION,
        topic=Topic.CALIBRATION,
        arity=Arity.MODEL,
        formula=r"\frac{1}{N}\sum_i [\arg\max p_i = y_i]",
        input=Input.OUTPUTS,
        low=0.0,
        high=1.0,
        direction=Direction.HIGHER_IS_BETTER,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        role=Role.HELD_OUT,
        needs_labels=True,
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        counts_events=True,
        reliable_from="100 samples",
        pitfalls="Says nothing about how confident the model is, or which samples it gets wrong.",
        source="Share of correct top-1 predictions; ties go to the first class",
    ),
    prepare=correct_predictions,
)
def accuracy(right: Tensor) -> Tensor:
    """Share of samples of which the model predicts the correct class."""
    return right.mean()
