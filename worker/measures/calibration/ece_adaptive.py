"""Expected calibration error over bins of equal numbers."""

from torch import Tensor

from kinscape.backend.contracts.cards import Direction, Parameter
from kinscape.worker.calibration.bins import confidence_of, few_per_bin, in_equal_bins
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.calibration.family import calibration_card


@measure(
    calibration_card(
        slug="ece-adaptive",
        title="Expected calibration error, equal-mass bins",
        formula=r"\sum_b \frac{|B_b|}{N}\,\lvert \mathrm{acc}(B_b) - \mathrm{conf}(B_b)\rvert,\quad |B_b| \approx N/B",
        low=0.0,
        high=1.0,
        direction=Direction.LOWER_IS_BETTER,
        reliable_from="2,000 samples; the estimate is biased upwards below",
        pitfalls="Every bin has the same number of samples, so bins are narrow near 1 for confident models. Biased "
        "upwards by chance like the one with equal widths.",
        source="Nguyen & O'Connor 2015; Nixon et al. 2019, adaptive calibration error of the top class",
        parameters=(Parameter(name="bins", default=15, minimum=1, maximum=1000, help="Bins of equal numbers."),),
    ),
    small=few_per_bin,
)
def ece_adaptive(outputs: Outputs, *, bins: int) -> Tensor:
    """Mean gap between confidence and accuracy over bins with equally many samples."""
    found = in_equal_bins(confidence_of(outputs), outputs.right, bins)
    return (found.shares * found.gaps.abs()).sum()
