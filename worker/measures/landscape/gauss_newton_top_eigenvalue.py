"""The largest eigenvalues of the Gauss-Newton matrix."""

from dataclasses import replace

from kinscape.backend.contracts.cards import Change
from kinscape.worker.curvature.gauss_newton import gauss_newton_forms, gauss_newton_product
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.lanczos import Krylov, PlainOperator
from kinscape.worker.curvature.top_eigenvalue import TOP_PARAMETERS, top_reading
from kinscape.worker.curvature.vectors import size_of, start_vector
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="gauss-newton-top-eigenvalue",
        title="Gauss-Newton top eigenvalue",
        formula=r"\lambda_{\max}\Big(\tfrac1N\sum_i J_i^\top(\operatorname{diag} p_i - p_i p_i^\top)J_i\Big)",
        low=0.0,
        high=None,
        ignores={Change.PERMUTE_UNITS},
        reliable_from="500 samples; check the residual in the notes",
        pitfalls="Equals the top eigenvalue of the model's Fisher matrix for cross-entropy. Rescaling layers changes "
        "it. "
        "The interval holds the eigenvector fixed (first order).",
        source="Schraudolph 2002 for the matrix; Golub & Van Loan, section 10.1",
        parameters=TOP_PARAMETERS,
        tolerance=1e-2,
    ),
)
def gauss_newton_top_eigenvalue(subject: Subject, *, k: int, tolerance: float, steps: int) -> Measurement:
    """Curvature along the steepest direction of the part of the Hessian that cannot be negative."""
    run = Krylov(PlainOperator(gauss_newton_product(subject), start_vector(subject, 0)), size_of(subject))
    found = top_reading(run, k=k, tolerance=tolerance, steps=steps)
    # Another pass along the vector that was found gives the curvature of each sample.
    along = run.vector(0, int(found.notes["products"]))
    return replace(found, replicates=group_means(gauss_newton_forms(subject, along), subject))
