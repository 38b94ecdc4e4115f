"""What a prediction costs."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from kinscape.backend.contracts.cards import Change, Direction, Role, Topic, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject, exact_attention
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="forward-flops",
        title="Cost of a forward pass",
        topic=Topic.WEIGHT_SPECTRA,
        formula=r"\sum_{\text{products}} 2mnk",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        role=Role.HELD_OUT,
        ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
        needs_labels=False,
        uncertainty=Uncertainty.EXACT,
        reliable_from="any sample",
        pitfalls="Multiplications and additions of products, convolutions and attention for one sample, as dense "
        "kernels do them: zeros count, whatever was pruned; how many weights are not zero is noted. Entry-by-entry "
        "operations are not counted.",
        source="torch.utils.flop_counter; two operations for each multiplication with its addition",
        tolerance=1e-12,
    ),
)
def forward_flops(subject: Subject) -> Measurement:
    """Floating-point operations of one sample's forward pass."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), exact_attention(), counter:
        subject.logits(subject.weights, subject.x[:1])
    total = counter.get_total_flops()
    sizes = [(w.numel(), int((w != 0).sum())) for w in subject.weights.values()]
    return Measurement(
        float(total),
        notes={"parameters": sum(size for size, _ in sizes), "parameters_not_zero": sum(left for _, left in sizes)},
    )
