"""The largest eigenvalues of a Krylov run."""

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.curvature.lanczos import Krylov
from kinscape.worker.curvature.spectral_density import warning_of
from kinscape.worker.evaluation.measurement import Measurement

TOP_PARAMETERS = (
    Parameter(name="k", default=1, minimum=1, maximum=100, help="How many of the largest eigenvalues to find."),
    Parameter(name="tolerance", default=1e-3, minimum=1e-8, maximum=0.1, help="Relative residual to stop at."),
    Parameter(name="steps", default=100, minimum=2, maximum=1000, help="Most products to use."),
)


def top_reading(run: Krylov, *, k: int, tolerance: float, steps: int) -> Measurement:
    """The largest eigenvalues of a run, with their residuals and the smallest seen beside them."""
    found = run.until(k, steps=steps, tolerance=tolerance)
    warning = warning_of(run.asymmetry)
    worst = max(found.residuals)
    if worst > tolerance and not (found.steps == run.steps and run.is_exhausted):
        why = "for want of memory " if found.steps < steps else ""
        told = f"Stopped {why}after {found.steps} products at a relative residual of {worst:.1g}."
        warning = f"{warning} {told}".strip()
    notes: dict[str, float | int | str] = {
        "relative_residual": worst,
        "products": found.steps,
        "smallest_at_most": found.smallest,
        "smallest_residual": found.smallest_residual,
    }
    series = {"eigenvalue": [*found.values], "relative_residual": [*found.residuals]}
    return Measurement(found.values[0], notes=notes, series=series, warning=warning)
