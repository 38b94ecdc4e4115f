"""Brier score."""

from torch import Tensor, nn

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.calibration.family import confidence_card


@measure(
    confidence_card(
        slug="brier",
        title="Brier score",
        formula=r"\frac1N\sum_i\sum_c (p_{ic} - [y_i = c])^2",
        low=0.0,
        high=2.0,
        direction=Direction.LOWER_IS_BETTER,
        ignores={Change.SHIFT_LOGITS},
        uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="200 samples",
        pitfalls="Summed over classes, so it reaches 2; code that averages over classes gives 1/C of it. Mixes "
        "accuracy "
        "and calibration.",
        source="Brier 1950, equation 2",
    ),
)
def brier(outputs: Outputs) -> Tensor:
    """Squared distance of the probabilities from the one-hot labels."""
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and the probe set has none.")
    p = outputs.probabilities
    truth = nn.functional.one_hot(outputs.labels, p.shape[1]).to(p.dtype)
    return (p - truth).square().sum(1).mean()
