"""Expected calibration error at the best temperature."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.calibration.bins import BINS, calibration_error, few_per_bin
from kinscape.worker.calibration.temperatures import at_best_temperature
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.calibration.family import confidence_card


@measure(
    confidence_card(
        slug="ece-temperature-scaled",
        title="Expected calibration error after temperature scaling",
        formula=r"\mathrm{ECE}(z/T^*),\quad T^* = \arg\min_T\; -\tfrac1N\sum_i \log "
        r"\operatorname{softmax}(z_i/T)_{y_i}",
        low=0.0,
        high=1.0,
        direction=Direction.LOWER_IS_BETTER,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="2,000 samples; the estimate is biased upwards below",
        pitfalls="The temperature is chosen on the same samples: one number, so the error is too good by about 1/N of "
        "its spread. Says what no single temperature can mend. Biased upwards and bin-dependent like the error itself.",
        source="Guo et al. 2017, section 4.2 and equation 3",
        parameters=BINS,
    ),
    prepare=at_best_temperature,
    small=few_per_bin,
)
def ece_temperature_scaled(outputs: Outputs, *, bins: int) -> Tensor:
    """Mean gap between confidence and correctness that is left when one temperature has done what it can."""
    return calibration_error(outputs, bins=bins)
