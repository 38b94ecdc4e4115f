"""How much better a model is on the samples it was trained on."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Parameter, Role, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.calibration.family import confidence_card


def means_of(outputs: Outputs, **_: object) -> Tensor:
    """Share of wrong answers and mean loss, ``(2,)``."""
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and a probe set has none.")
    loss = -outputs.log_probabilities.gather(1, outputs.labels[:, None]).mean()
    return torch.stack([1 - outputs.right.mean(), loss])


@measure(
    confidence_card(
        slug="generalisation-gap",
        title="Generalisation gap",
        formula=r"R_{\mathrm{held\text{-}out}} - R_{\mathrm{train}}",
        low=None,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        role=Role.BOTH,
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="500 train and 500 held-out samples",
        pitfalls="Both sets as they are, without augmentation. An untrained network has none, and neither has one that "
        "is equally wrong on both. The gap of the loss follows the temperature of the logits, that of the error does "
        "not.",
        source="Difference of the mean error (or loss) on held-out and on train samples",
        parameters=(
            Parameter(
                name="outcome", default="error", choices=("error", "loss"), help="Share of errors, or loss in nats."
            ),
        ),
    ),
    prepare=means_of,
)
def generalisation_gap(train: Tensor, held_out: Tensor, *, outcome: str) -> Tensor:
    """Error on held-out samples minus error on train samples."""
    return (held_out - train)[0 if outcome == "error" else 1]
