"""Expected calibration error without the part that chance gives."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Direction
from kinscape.worker.calibration.bins import BINS, confidence_of, in_bins, places
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.calibration.family import calibration_card

# The c for which a standard normal z has E sgn(z² - c) √|z² - c| = 0.
CHANCE = 0.72574016


@measure(
    calibration_card(
        slug="ece-debiased",
        version=2,
        title="Expected calibration error, debiased",
        formula=r"\sum_b \frac{|B_b|}{N}\,\mathrm{sgn}(d_b)\sqrt{|d_b|},\quad "
        r"d_b = g_b^2 - \frac{0.7257}{|B_b|^2}\sum_{i \in B_b} p_i(1-p_i)",
        low=-1.0,
        high=1.0,
        direction=Direction.LOWER_IS_BETTER,
        reliable_from="500 samples; a little to either side of 0 is chance",
        pitfalls="A share of the variance that a calibrated model would have is taken off each bin's squared gap g "
        "(accuracy minus confidence); the share makes calibrated models score 0 on average. Single values may be "
        "negative. "
        "Gaps of the size of their own error are understated.",
        source="After Bröcker 2012 and Kumar et al. 2019, section 4, for squares; the signed root of each bin is ours",
        parameters=BINS,
    ),
)
def ece_debiased(outputs: Outputs, *, bins: int) -> Tensor:
    """Calibration error after the squared gap of each bin lost what chance adds to it."""
    confidence = confidence_of(outputs)
    found = in_bins(confidence, outputs.right, bins)
    spread = torch.zeros_like(found.counts).index_add_(0, places(confidence, bins), confidence * (1 - confidence))
    square = found.gaps.square() - CHANCE * spread / found.counts.clamp_min(1).square()
    return (found.shares * square.sign() * square.abs().sqrt()).sum()
