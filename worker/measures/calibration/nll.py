"""Negative log-likelihood."""

import torch
from torch import Tensor, nn

from kinscape.backend.contracts.cards import Arity, Card, Change, Direction, Family, Input, Role, Topic, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined


@measure(
    Card(
        slug="nll",
        title="Negative log-likelihood",
        family=Family.CALIBRATION,
        topic=Topic.CALIBRATION,
        arity=Arity.MODEL,
        formula=r"-\frac{1}{N}\sum_i \log p_{i,y_i}",
        input=Input.OUTPUTS,
        low=0.0,
        high=None,
        direction=Direction.LOWER_IS_BETTER,
        ignores={Change.SHIFT_LOGITS},
        role=Role.HELD_OUT,
        needs_labels=True,
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="200 samples",
        pitfalls="A few confident mistakes can make up most of it. In nats.",
        source="Cross-entropy with the labels, mean over samples",
    ),
)
def nll(outputs: Outputs) -> Tensor:
    """Mean negative log-probability of the correct classes, in nats."""
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and the probe set has none.")
    loss = nn.functional.nll_loss(outputs.log_probabilities, outputs.labels)
    # Probabilities of exactly 0 are kept as huge negative logits; their loss is infinite.
    return torch.where(loss < 1e20, loss, torch.inf)
