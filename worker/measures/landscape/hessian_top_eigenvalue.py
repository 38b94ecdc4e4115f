"""The largest eigenvalues of the Hessian of the loss."""

from backend.contracts.cards import Change, Parameter
from worker.measures.inputs import Subject
from worker.measures.landscape.along import around, group_curvatures
from worker.measures.landscape.lanczos import Krylov
from worker.measures.landscape.minimum import measure_of_minimum
from worker.measures.landscape.spectrum import hessian_krylov, warning_of
from worker.measures.measure import Reading

TOP_PARAMETERS = (
    Parameter(name="k", default=1, minimum=1, maximum=100, help="How many of the largest eigenvalues to find."),
    Parameter(name="tolerance", default=1e-3, minimum=1e-8, maximum=0.1, help="Relative residual to stop at."),
    Parameter(name="steps", default=100, minimum=2, maximum=1000, help="Most products to use."),
)


def top_reading(run: Krylov, *, k: int, tolerance: float, steps: int) -> Reading:
    """The largest eigenvalues of a run, with their residuals and the smallest seen beside them."""
    found = run.until(k, steps=steps, tolerance=tolerance)
    warning = warning_of(run.asymmetry)
    worst = max(found.residuals)
    if worst > tolerance and not (found.steps == run.steps and run.is_exhausted):
        why = "for want of memory " if found.steps < steps else ""
        told = f"Stopped {why}after {found.steps} products at a relative residual of {worst:.1g}."
        warning = f"{warning} {told}".strip()
    notes: dict[str, float | int | str] = {
        "relative_residual": worst, "products": found.steps, "smallest_at_most": found.smallest,
        "smallest_residual": found.smallest_residual,
    }  # fmt: skip
    series = {"eigenvalue": [*found.values], "relative_residual": [*found.residuals]}
    return Reading(found.values[0], notes=notes, series=series, warning=warning)


@measure_of_minimum(
    slug="hessian-top-eigenvalue",
    version=2,
    title="Hessian top eigenvalue",
    formula=r"\lambda_{\max}(\nabla^2_\theta L)",
    bounds=(None, None),
    ignores={Change.PERMUTE_UNITS},
    needs_labels=True,
    reliable_from="500 samples; check the residual in the notes",
    pitfalls="Rescaling layers changes it without changing the function. Rises and falls with the train loss. "
    "The interval holds the eigenvector fixed (first order). Of an eigenvalue that occurs several times one is "
    "found.",
    source="Golub & Van Loan, section 10.1 (Lanczos with full reorthogonalisation)",
    parameters=TOP_PARAMETERS,
    tolerance=1e-2,
)
def hessian_top_eigenvalue(subject: Subject, *, k: int, tolerance: float, steps: int) -> Reading:
    """Curvature of the loss along its steepest direction, in nats per squared weight."""
    run = hessian_krylov(subject)
    found = top_reading(run, k=k, tolerance=tolerance, steps=steps)
    if not subject.groups:
        return found
    steepest = run.vector(0, int(found.notes["products"]))
    curvatures = group_curvatures(subject, [steepest], subject.groups)
    return Reading(
        found.value, around(found.value, curvatures[:, 0], subject), notes=found.notes, series=found.series,
        warning=found.warning,
    )  # fmt: skip
