"""Length of the gradient of the loss."""

import torch

from kinscape.backend.contracts.cards import Change
from kinscape.worker.curvature.hessian_products import group_gradient, loss_gradient
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="gradient-norm",
        title="Gradient norm",
        formula=r"\lVert \nabla_\theta L\rVert_2",
        low=0.0,
        high=None,
        ignores={Change.PERMUTE_UNITS},
        needs_labels=True,
        reliable_from="500 samples; the norm of a mean over samples is biased upwards",
        pitfalls="Not a curvature: how far from a minimum the network is. Several measures of sharpness are "
        "dominated by it, so read them together. Rescaling layers changes it.",
        source="Euclidean norm of the gradient of the mean loss over the whole probe set",
        tolerance=1e-5,
    ),
)
def gradient_norm(subject: Subject) -> Measurement:
    """How steep the loss is where the network stands."""
    replicates = None
    if len(subject.groups) > 1:
        sums = [group_gradient(subject, g) * len(g) for g in subject.groups]
        total = sum(sums, torch.zeros_like(sums[0]))
        left = [
            float((total - own).double().norm()) / (subject.samples - len(g))
            for own, g in zip(sums, subject.groups, strict=True)
        ]
        replicates = torch.tensor(left, dtype=torch.float64)
    return Measurement(float(loss_gradient(subject).double().norm()), replicates)
