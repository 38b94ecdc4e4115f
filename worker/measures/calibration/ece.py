"""Expected calibration error."""

from torch import Tensor

from kinscape.backend.contracts.cards import Direction
from kinscape.worker.calibration.bins import BINS, calibration_error, few_per_bin, reliability_diagram
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.calibration.family import calibration_card


@measure(
    calibration_card(
        slug="ece",
        version=3,
        title="Expected calibration error",
        formula=r"\sum_b \frac{|B_b|}{N}\,\lvert \mathrm{acc}(B_b) - \mathrm{conf}(B_b)\rvert",
        low=0.0,
        high=1.0,
        direction=Direction.LOWER_IS_BETTER,
        reliable_from="2,000 samples; the estimate is biased upwards below",
        pitfalls="Biased upwards: the value that a perfectly calibrated model of the same confidences would score is "
        "reported with it. The interval speaks of sampling, not of this bias. Depends on the bins.",
        source="Guo et al. 2017, equation 3; equal-width bins closed on the right, confidence 1 in the last",
        parameters=BINS,
    ),
    small=few_per_bin,
    diagnostics=reliability_diagram,
)
def ece(outputs: Outputs, *, bins: int) -> Tensor:
    """Mean gap between how confident the model is and how often it is correct."""
    return calibration_error(outputs, bins=bins)
