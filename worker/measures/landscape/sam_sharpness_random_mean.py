"""Mean change of the loss under small random steps."""

import math

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.curvature.hessian_products import loss_gradient
from kinscape.worker.curvature.random_steps import group_changes, loss_changes
from kinscape.worker.curvature.vectors import size_of
from kinscape.worker.evaluation.intervals import leave_one_out_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="sam-sharpness-random-mean",
        version=2,
        title="Random-step sharpness, mean",
        formula=r"\frac{1}{K\rho}\sum_k \lvert L(\theta + \varepsilon_k) - L(\theta)\rvert,\quad "
        r"\varepsilon_k \sim \mathcal N(0, \tfrac{\rho^2}{P} I)",
        low=0.0,
        high=None,
        needs_labels=True,
        reliable_from="500 samples and 100 draws; the Monte-Carlo error over draws is reported separately",
        pitfalls="Dominated by the gradient norm: its expectation is √(2/π)·‖∇L‖/√P, reported with it. Only weights "
        "move, running statistics do not.",
        source="Sharpness of published comparisons of minima; expectation by first-order expansion",
        parameters=(
            Parameter(name="rho", default=0.005, minimum=1e-6, maximum=10, help="Typical length of a step."),
            Parameter(name="draws", default=100, minimum=2, maximum=10000, help="Random steps."),
        ),
        tolerance=1e-6,
    ),
)
def sam_sharpness_random_mean(subject: Subject, *, rho: float, draws: int) -> Measurement:
    """Mean change of the loss per unit length of a small random step, in nats."""
    # In float32 the changes would drown in rounding: they are a thousandth of the loss and less.
    subject = subject.in_float64()
    changes = loss_changes(subject, rho=rho, draws=draws)
    sizes = changes.mean(1).abs() / rho
    replicates = None
    if subject.groups:
        parts = leave_one_out_means(group_changes(changes, subject), subject.groups)
        replicates = parts.abs().mean(1) / rho
    slope = float(loss_gradient(subject).norm())
    return Measurement(
        float(sizes.mean()),
        replicates,
        monte_carlo_error=float(sizes.std() / draws**0.5),
        notes={
            "gradient_norm": slope,
            "expected_from_gradient": math.sqrt(2 / math.pi / size_of(subject)) * slope,
        },
    )
