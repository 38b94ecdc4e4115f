"""Sharpness as sharpness-aware minimisation sees it: one step uphill."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Parameter
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.hessian_products import group_gradient, loss_gradient
from kinscape.worker.curvature.vectors import shifted
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="sam-sharpness",
        version=2,
        title="SAM sharpness",
        formula=r"L_B\!\left(\theta + \rho\,\frac{\nabla L_B}{\lVert\nabla L_B\rVert}\right) - L_B(\theta)",
        low=None,
        high=None,
        ignores={Change.PERMUTE_UNITS},
        needs_labels=True,
        reliable_from="500 samples",
        pitfalls="The gradient is that of the whole probe set unless a batch size is given: smaller batches give "
        "larger values. For small ρ it is ρ times the gradient norm. Rescaling layers changes it. The "
        "interval holds the direction fixed.",
        source="Foret et al. 2021, equation 2; m-sharpness with a batch, section 4.1",
        parameters=(
            Parameter(name="rho", default=0.05, minimum=1e-6, maximum=10, help="Length of the step."),
            Parameter(name="batch", default=0, minimum=0, maximum=1000000, help="Samples per step uphill; 0 for all."),
        ),
        tolerance=1e-6,
    ),
)
def sam_sharpness(subject: Subject, *, rho: float, batch: int) -> Measurement:
    """Rise of the loss after one step of length ρ uphill, in nats."""
    subject = subject.in_float64()
    whole = loss_gradient(subject)
    rises = torch.zeros(subject.samples, dtype=torch.float64)
    for rows in _batches(subject, batch):
        gradient = whole if len(rows) == subject.samples else group_gradient(subject, rows)
        length = float(gradient.norm())
        if not length > 0:
            raise Undefined("The gradient is zero everywhere, so there is no direction uphill.")
        step = (gradient * (rho / length)).to(subject.x.device)
        part = subject.of_rows(rows)
        rises[rows] = (part.losses(shifted(subject, step)) - part.losses(subject.weights)).cpu()
    notes: dict[str, float | int | str] = {"gradient_norm": float(whole.norm())}
    return Measurement(float(rises.mean()), group_means(rises, subject), notes=notes)


def _batches(subject: Subject, batch: int) -> tuple[Tensor, ...]:
    """Random batches of equal size (±1) from the seed; all samples at once for 0."""
    if not batch or batch >= subject.samples:
        return (torch.arange(subject.samples),)
    order = torch.randperm(subject.samples, generator=subject.generator())
    return order.tensor_split(max(1, round(subject.samples / batch)))
