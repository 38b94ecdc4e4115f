"""Whether two networks find the same samples hard."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Parameter, Uncertainty
from kinscape.worker.calibration.error_lengths import error_lengths
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.functional.family import output_card


def hardest(outputs: Outputs, *, share: float) -> Tensor:
    """Whether each sample is among the hardest, ``(samples,)``; ties go to the earlier one."""
    lengths = error_lengths(outputs)
    count = max(1, round(share * len(lengths)))
    chosen = torch.zeros(len(lengths), dtype=torch.bool, device=lengths.device)
    chosen[lengths.sort(descending=True, stable=True).indices[:count]] = True
    return chosen


@measure(
    output_card(
        slug="hardest-overlap",
        title="Overlap of the hardest samples",
        formula=r"\frac{|H_a \cap H_b|}{|H|},\quad H = \text{samples with the largest } \lVert p_i - e_{y_i}\rVert_2",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS},
        needs_labels=True,
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="50 samples among the hardest",
        pitfalls="Two random orders share as much as the share itself. Where more samples are answered wrongly than "
        "the share holds, it compares which mistakes are most confident.",
        source="Hardest by the score of Paul et al. 2021, definition 2.2; the overlap is ours",
        parameters=(
            Parameter(
                name="share",
                default=0.25,
                minimum=0.001,
                maximum=0.9,
                help="Share of samples that counts as hardest.",
            ),
        ),
    ),
    prepare=hardest,
)
def hardest_overlap(a: Tensor, b: Tensor, **_: object) -> Tensor:
    """Share of one network's hardest samples that are among the other's hardest, too."""
    return (a & b).sum().double() / a.sum()
