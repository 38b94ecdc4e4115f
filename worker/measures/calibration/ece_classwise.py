"""Calibration error of every class's probability."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Direction
from kinscape.worker.calibration.bins import BINS, few_per_bin, in_bins
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.calibration.family import calibration_card


@measure(
    calibration_card(
        slug="ece-classwise",
        version=2,
        title="Expected calibration error by class",
        formula=r"\frac1C\sum_c \sum_b \frac{|B_{b,c}|}{N}\,\lvert \mathrm{freq}_c(B_{b,c}) - \bar p_c(B_{b,c})\rvert",
        low=0.0,
        high=1.0,
        direction=Direction.LOWER_IS_BETTER,
        reliable_from="2,000 samples; the estimate is biased upwards below",
        pitfalls="Most probabilities of most classes are near 0, so the mean is small and falls with the number of "
        "classes.",
        source="Kull et al. 2019, equation 3; Nixon et al. 2019, static calibration error",
        parameters=BINS,
    ),
    small=few_per_bin,
)
def ece_classwise(outputs: Outputs, *, bins: int) -> Tensor:
    """Mean gap between the probability of a class and how often it is the label."""
    if outputs.labels is None:
        raise Undefined("This measure needs labels, and the probe set has none.")
    errors = []
    for c, p in enumerate(outputs.probabilities.unbind(1)):
        found = in_bins(p, (outputs.labels == c).to(p.dtype), bins)
        errors.append((found.shares * found.gaps.abs()).sum())
    return torch.stack(errors).mean()
