"""What a prediction costs."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from kinscape.backend.contracts.cards import Change, Direction, Role, Topic, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject, exact_attention
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card

# Operators that multiply and that the counter passes over.
PASSED_OVER = ("lstm", "rnn", "gru", "trilinear", "fft", "cdist", "einsum")


class _Uncounted(TorchDispatchMode):
    """Notes operators that multiply and are not counted."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(operator).removeprefix("aten.").partition(".")[0]
        if any(part in name for part in PASSED_OVER):
            self.names.add(name)
        return operator(*args, **(kwargs or {}))


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
    counter, uncounted = FlopCounterMode(display=False), _Uncounted()
    with torch.no_grad(), exact_attention(), uncounted, counter:
        subject.logits(subject.weights, subject.x[:1])
    if uncounted.names:
        raise Undefined(f"The operations of {', '.join(sorted(uncounted.names))} are not counted by torch's counter.")
    total = counter.get_total_flops()
    sizes = [(w.numel(), int((w != 0).sum())) for w in subject.weights.values()]
    return Measurement(
        float(total),
        notes={"parameters": sum(size for size, _ in sizes), "parameters_not_zero": sum(left for _, left in sizes)},
    )
