"""Expected calibration error."""

import torch
from torch import Tensor

from backend.contracts.cards import (
    Arity,
    Change,
    Direction,
    Family,
    Input,
    Parameter,
    Question,
    Role,
    Uncertainty,
)
from worker.measures.inputs import Outputs
from worker.measures.measure import measure


def few_per_bin(samples: int, _classes: int) -> str:
    """A warning where chance alone gives a visible error."""
    if samples >= 2000:
        return ""
    return f"N = {samples} is small: a perfectly calibrated model would not score 0 either."


@measure(
    slug="ece",
    title="Expected calibration error",
    family=Family.CALIBRATION,
    question=Question.CONFIDENCE,
    arity=Arity.MODEL,
    formula=r"\sum_b \frac{|B_b|}{N}\,\lvert \mathrm{acc}(B_b) - \mathrm{conf}(B_b)\rvert",
    input=Input.OUTPUTS,
    bounds=(0.0, 1.0),
    direction=Direction.LOWER_IS_BETTER,
    ignores={Change.SHIFT_LOGITS},
    role=Role.HELD_OUT,
    needs_labels=True,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="2,000 samples; the estimate is biased upwards below",
    pitfalls="Biased upwards: calibrated models score 0.04 to 0.07 at N = 360. The interval speaks of sampling, "
    "not of this bias. Depends on the bins.",
    source="Guo et al. 2017, equation 3; equal-width bins closed on the right, confidence 1 in the last",
    parameters=(Parameter(name="bins", default=15, minimum=1, maximum=1000, help="Equal-width bins."),),
    small=few_per_bin,
)
def ece(outputs: Outputs, *, bins: int) -> Tensor:
    """Mean gap between how confident the model is and how often it is right."""
    confidence = outputs.probabilities.amax(1)
    edge = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = torch.zeros(bins, dtype=confidence.dtype, device=confidence.device)
    gap.index_add_(0, edge, outputs.right - confidence)
    return gap.abs().sum() / outputs.samples
