"""Difference of the expected calibration errors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Pace, Parameter, Uncertainty
from kinscape.worker.calibration.bins import calibration_error
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.prepared_matrix import PreparedMatrix
from kinscape.worker.measures.functional.family import output_card


def differences(left: Sequence[Tensor], right: Sequence[Tensor], **_: object) -> Tensor:
    """Every left error minus every right error."""
    return torch.stack(list(left))[:, None] - torch.stack(list(right))[None, :]


@measure(
    output_card(
        slug="ece-gap",
        version=2,
        title="Calibration error gap",
        formula=r"\mathrm{ECE}_a - \mathrm{ECE}_b",
        low=-1.0,
        high=1.0,
        identical=0.0,
        direction=Direction.NEAR_ZERO_IS_ALIKE,
        symmetric=False,
        ignores={Change.SHIFT_LOGITS},
        needs_labels=True,
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Signed. Both errors are biased upwards by about the same amount, which cancels in part.",
        source="Guo et al. 2017, equation 3, for two models",
        parameters=(Parameter(name="bins", default=15, minimum=1, maximum=1000, help="Equal-width bins."),),
        pace=Pace.PRODUCT,
        has_chance_level=False,
    ),
    prepare=calibration_error,
    all_pairs=PreparedMatrix(differences),
)
def ece_gap(a: Tensor, b: Tensor, **_: object) -> Tensor:
    """Expected calibration error of the first model minus that of the second."""
    return a.mean() - b.mean()
