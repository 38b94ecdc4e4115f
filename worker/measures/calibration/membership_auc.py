"""How well the loss tells samples of training from others."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Role, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.calibration.family import confidence_card


def losses(outputs: Outputs, **_: object) -> Tensor:
    """Cross-entropy of each sample, ``(samples,)``, in nats."""
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and a probe set has none.")
    return -outputs.log_probabilities.gather(1, outputs.labels[:, None])[:, 0]


@measure(
    confidence_card(
        slug="membership-auc",
        title="Membership inference, area under the curve",
        formula=r"P(\ell_{\mathrm{train}} < \ell_{\mathrm{held\text{-}out}}) + "
        r"\tfrac12 P(\ell_{\mathrm{train}} = \ell_{\mathrm{held\text{-}out}})",
        low=0.0,
        high=1.0,
        direction=Direction.NEITHER,
        ignores={Change.SHIFT_LOGITS},
        role=Role.BOTH,
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="500 train and 500 held-out samples",
        pitfalls="0.5 tells nothing apart. The simplest attack, by a threshold on the loss: others find more, so a "
        "value "
        "near 0.5 is no proof of forgetting. For unlearning, give the samples to forget as the train set. A shift "
        "between "
        "the two sets looks like membership.",
        source="Loss threshold of Yeom et al. 2018, section 3.2, as the area over all thresholds",
    ),
    prepare=losses,
)
def membership_auc(train: Tensor, held_out: Tensor) -> Tensor:
    """Probability that a train sample has a lower loss than a held-out one."""
    order = held_out.sort().values
    below = torch.searchsorted(order, train, side="left")
    up_to = torch.searchsorted(order, train, side="right")
    above = len(order) - up_to
    return (above + 0.5 * (up_to - below)).double().mean() / len(order)
