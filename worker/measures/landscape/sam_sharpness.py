"""Sharpness as sharpness-aware minimisation sees it: one step uphill."""

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
from worker.measures.inputs import Subject, Undefined
from worker.measures.landscape.curvature import loss_gradient, shifted
from worker.measures.measure import Reading, measure
from worker.measures.uncertainty import leave_one_out_means


def group_means(samples: Tensor, subject: Subject) -> Tensor | None:
    """Leave-one-group-out means of a value per sample."""
    if not subject.groups:
        return None
    means = torch.stack([samples[g].mean() for g in subject.groups])
    return leave_one_out_means(means.double(), subject.groups)


@measure(
    slug="sam-sharpness",
    title="SAM sharpness",
    family=Family.LANDSCAPE,
    question=Question.MINIMUM,
    arity=Arity.MODEL,
    formula=r"L\!\left(\theta + \rho\,\frac{\nabla L}{\lVert\nabla L\rVert}\right) - L(\theta)",
    input=Input.NETWORK,
    bounds=(None, None),
    direction=Direction.LOWER_IS_FLATTER,
    ignores={Change.PERMUTE_UNITS},
    role=Role.TRAIN,
    needs_labels=True,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="500 samples",
    pitfalls="The gradient is that of the whole probe set, not of a mini-batch. For small ρ it is ρ times the "
    "gradient norm. Rescaling layers changes it. The interval holds the direction fixed.",
    source="Foret et al. 2021, equation 2",
    parameters=(Parameter(name="rho", default=0.05, minimum=1e-6, maximum=10, help="Length of the step."),),
    tolerance=1e-6,
)
def sam_sharpness(subject: Subject, *, rho: float) -> Reading:
    """Rise of the loss after one step of length ρ uphill, in nats."""
    subject = subject.in_float64()
    gradient = loss_gradient(subject)
    length = float(gradient.norm())
    if not length > 0:
        raise Undefined("The gradient is zero everywhere, so there is no direction uphill.")
    step = (gradient * (rho / length)).to(subject.x.device)
    rise = subject.losses(shifted(subject, step)) - subject.losses(subject.weights)
    notes: dict[str, float | int | str] = {"gradient_norm": length}
    return Reading(float(rise.mean()), group_means(rise.cpu(), subject), notes=notes)
