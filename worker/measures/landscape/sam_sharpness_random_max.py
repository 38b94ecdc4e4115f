"""Largest rise of the loss under random steps."""

from kinscape.backend.contracts.cards import Parameter
from kinscape.backend.statistics.jackknife import standard_error
from kinscape.worker.curvature.random_steps import group_changes, loss_changes
from kinscape.worker.evaluation.intervals import leave_one_out_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="sam-sharpness-random-max",
        version=2,
        title="Random-step sharpness, maximum",
        formula=r"\max_{k \le K} L(\theta + \varepsilon_k) - L(\theta),\quad "
        r"\varepsilon_k \sim \mathcal N(0, \tfrac{\rho^2}{P} I)",
        low=None,
        high=None,
        needs_labels=True,
        reliable_from="many more draws than the default: one estimate of 20 draws varies by about 40 %",
        pitfalls="A maximum over draws: it grows with their number, and its error over draws is large. Compare "
        "networks at "
        "the same number of draws and the same seed.",
        source="Random search in the ball of published comparisons of regularisers; error over draws by the jackknife",
        parameters=(
            Parameter(name="rho", default=0.05, minimum=1e-6, maximum=10, help="Typical length of a step."),
            Parameter(name="draws", default=20, minimum=3, maximum=10000, help="Random steps."),
        ),
        tolerance=1e-6,
    ),
)
def sam_sharpness_random_max(subject: Subject, *, rho: float, draws: int) -> Measurement:
    """Largest rise of the loss among a few random steps, in nats."""
    subject = subject.in_float64()
    changes = loss_changes(subject, rho=rho, draws=draws)
    rises = changes.mean(1)
    replicates = None
    if subject.groups:
        replicates = leave_one_out_means(group_changes(changes, subject), subject.groups).amax(1)
    without_each = rises.amax().repeat(draws)
    without_each[rises.argmax()] = rises.sort().values[-2]
    return Measurement(float(rises.amax()), replicates, monte_carlo_error=float(standard_error(without_each.numpy())))
