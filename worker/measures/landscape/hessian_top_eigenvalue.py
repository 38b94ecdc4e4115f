"""The largest eigenvalues of the Hessian of the loss."""

from kinscape.backend.contracts.cards import Change
from kinscape.worker.curvature.directional_curvature import around, group_curvatures
from kinscape.worker.curvature.spectral_density import hessian_krylov
from kinscape.worker.curvature.top_eigenvalue import TOP_PARAMETERS, top_reading
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="hessian-top-eigenvalue",
        version=2,
        title="Hessian top eigenvalue",
        formula=r"\lambda_{\max}(\nabla^2_\theta L)",
        low=None,
        high=None,
        ignores={Change.PERMUTE_UNITS},
        needs_labels=True,
        reliable_from="500 samples; check the residual in the notes",
        pitfalls="Rescaling layers changes it without changing the function. Rises and falls with the train loss. "
        "The interval holds the eigenvector fixed (first order). Of an eigenvalue that occurs several times one is "
        "found.",
        source="Golub & Van Loan, section 10.1 (Lanczos with full reorthogonalisation)",
        parameters=TOP_PARAMETERS,
        tolerance=1e-2,
    ),
)
def hessian_top_eigenvalue(subject: Subject, *, k: int, tolerance: float, steps: int) -> Measurement:
    """Curvature of the loss along its steepest direction, in nats per squared weight."""
    run = hessian_krylov(subject)
    found = top_reading(run, k=k, tolerance=tolerance, steps=steps)
    if not subject.groups:
        return found
    steepest = run.vector(0, int(found.notes["products"]))
    curvatures = group_curvatures(subject, [steepest], subject.groups)
    return Measurement(
        found.value,
        around(found.value, curvatures[:, 0], subject),
        notes=found.notes,
        series=found.series,
        warning=found.warning,
    )
