"""The trace of the Gauss-Newton matrix."""

from kinscape.backend.contracts.cards import Change
from kinscape.worker.curvature.gauss_newton import CLASS_DRAWS, gauss_newton_traces
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="gauss-newton-trace",
        title="Gauss-Newton trace",
        formula=r"\tfrac1N\sum_i \sum_c p_{ic}\,\lVert J_i^\top(e_c - p_i)\rVert^2",
        low=0.0,
        high=None,
        ignores={Change.PERMUTE_UNITS},
        reliable_from="500 samples: a mean of per-sample traces that differ by orders of magnitude",
        pitfalls="Equals the trace of the model's Fisher matrix, and that of the Hessian for networks that are "
        "piecewise "
        "linear in each weight. Rescaling layers changes it. Above 1,000 classes it is estimated from drawn ones.",
        source="Schraudolph 2002; exact from one backward pass per class",
        tolerance=1e-4,
    ),
)
def gauss_newton_trace(subject: Subject) -> Measurement:
    """Sum of the curvatures of the part of the Hessian that cannot be negative."""
    traces = gauss_newton_traces(subject)
    samples, error = traces.samples, traces.monte_carlo_error
    return Measurement(
        float(samples.mean()),
        group_means(samples, subject),
        monte_carlo_error=error,
        notes={} if error is None else {"class_draws": CLASS_DRAWS},
    )
