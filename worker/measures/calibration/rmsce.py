"""Root mean square calibration error."""

from torch import Tensor

from kinscape.backend.contracts.cards import Direction
from kinscape.worker.calibration.bins import BINS, confidence_of, few_per_bin, in_bins
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.calibration.family import calibration_card


@measure(
    calibration_card(
        slug="rmsce",
        version=2,
        title="Root mean square calibration error",
        formula=r"\sqrt{\sum_b \frac{|B_b|}{N}\big(\mathrm{acc}(B_b) - \mathrm{conf}(B_b)\big)^2}",
        low=0.0,
        high=1.0,
        direction=Direction.LOWER_IS_BETTER,
        reliable_from="2,000 samples; the estimate is biased upwards below",
        pitfalls="Large gaps weigh more than in the expected calibration error, and so does chance in small bins.",
        source="Hendrycks et al. 2019, section 4, with equal-width bins closed on the right",
        parameters=BINS,
    ),
    small=few_per_bin,
)
def rmsce(outputs: Outputs, *, bins: int) -> Tensor:
    """Root mean square gap between how confident the model is and how often it is correct."""
    found = in_bins(confidence_of(outputs), outputs.right, bins)
    return (found.shares * found.gaps.square()).sum().sqrt()
