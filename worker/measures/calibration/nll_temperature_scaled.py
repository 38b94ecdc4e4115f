"""Negative log-likelihood at the best temperature."""

from torch import Tensor, nn

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.calibration.temperatures import at_best_temperature
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.calibration.family import confidence_card


@measure(
    confidence_card(
        slug="nll-temperature-scaled",
        title="Negative log-likelihood after temperature scaling",
        formula=r"\min_T\; -\tfrac1N\sum_i \log \operatorname{softmax}(z_i/T)_{y_i}",
        low=0.0,
        high=None,
        direction=Direction.LOWER_IS_BETTER,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="500 samples, some of them misclassified",
        pitfalls="The temperature is chosen on the same samples, so the loss is too good by about 1/(2N) nats. What is "
        "left is which samples are right and how well they are told from the others. In nats.",
        source="Guo et al. 2017, section 4.2",
    ),
    prepare=at_best_temperature,
)
def nll_temperature_scaled(outputs: Outputs) -> Tensor:
    """Mean negative log-probability of the correct classes when one temperature has done what it can."""
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and the probe set has none.")
    return nn.functional.nll_loss(outputs.log_probabilities, outputs.labels)
