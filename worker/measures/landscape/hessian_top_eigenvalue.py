"""The largest eigenvalue of the Hessian of the loss."""

import torch

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
from worker.measures.inputs import Subject
from worker.measures.landscape.curvature import group_curvatures, hessian_product
from worker.measures.landscape.lanczos import extremes
from worker.measures.measure import Reading, measure
from worker.measures.uncertainty import leave_one_out_means


@measure(
    slug="hessian-top-eigenvalue",
    title="Hessian top eigenvalue",
    family=Family.LANDSCAPE,
    question=Question.MINIMUM,
    arity=Arity.MODEL,
    formula=r"\lambda_{\max}(\nabla^2_\theta L)",
    input=Input.NETWORK,
    bounds=(None, None),
    direction=Direction.LOWER_IS_FLATTER,
    ignores={Change.PERMUTE_UNITS},
    role=Role.TRAIN,
    needs_labels=True,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="500 samples; check the residual in the notes",
    pitfalls="Rescaling layers changes it without changing the function. Rises and falls with the train loss. "
    "The interval holds the eigenvector fixed (first order).",
    source="Golub & Van Loan, section 10.1 (Lanczos with full reorthogonalisation)",
    parameters=(
        Parameter(name="tolerance", default=1e-3, minimum=1e-8, maximum=0.1, help="Relative residual to stop at."),
        Parameter(name="steps", default=100, minimum=2, maximum=1000, help="Most Hessian products to use."),
    ),
    tolerance=1e-2,
)
def hessian_top_eigenvalue(subject: Subject, *, tolerance: float, steps: int) -> Reading:
    """Curvature of the loss along its steepest direction, in nats per squared weight."""
    product = hessian_product(subject)
    size = sum(w.numel() for w in subject.weights.values())
    start = torch.randn(size, generator=subject.generator()).to(next(iter(subject.weights.values())))
    found = extremes(product, start, steps=steps, tolerance=tolerance)
    replicates = None
    if subject.groups:
        curvatures = group_curvatures(subject, found.vector)
        replicates = leave_one_out_means(curvatures, subject.groups)
        replicates = replicates + (found.largest - _mean(curvatures, subject))
    warning = ""
    if found.residual > tolerance:
        warning = f"Stopped after {found.steps} steps at a relative residual of {found.residual:.1g}."
    notes: dict[str, float | int | str] = {
        "smallest_at_most": found.smallest, "relative_residual": found.residual, "products": found.steps
    }  # fmt: skip
    return Reading(found.largest, replicates, notes=notes, warning=warning)


def _mean(values: torch.Tensor, subject: Subject) -> torch.Tensor:
    sizes = torch.tensor([len(g) for g in subject.groups], dtype=values.dtype)
    return (values * sizes).sum() / sizes.sum()
