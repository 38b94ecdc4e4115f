"""Maximum calibration error."""

from torch import Tensor

from kinscape.backend.contracts.cards import Direction
from kinscape.worker.calibration.bins import BINS, confidence_of, few_per_bin, in_bins
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.calibration.family import calibration_card


@measure(
    calibration_card(
        slug="mce",
        version=2,
        title="Maximum calibration error",
        formula=r"\max_b\, \lvert \mathrm{acc}(B_b) - \mathrm{conf}(B_b)\rvert",
        low=0.0,
        high=1.0,
        direction=Direction.LOWER_IS_BETTER,
        reliable_from="several hundred samples in every bin that is used",
        pitfalls="Usually the gap of the emptiest bin: read it together with the number of samples per bin.",
        source="Naeini et al. 2015; equal-width bins closed on the right",
        parameters=BINS,
    ),
    small=few_per_bin,
)
def mce(outputs: Outputs, *, bins: int) -> Tensor:
    """Largest gap between confidence and accuracy of any bin."""
    return in_bins(confidence_of(outputs), outputs.right, bins).gaps.abs().amax()
