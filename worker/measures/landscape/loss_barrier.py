"""Loss barrier: the hill on the straight line between two networks."""

from kinscape.backend.contracts.cards import Direction, Pace
from kinscape.worker.curvature.barrier import BARRIER_PARAMETERS, barrier
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import two_minima_card


@measure(
    two_minima_card(
        slug="loss-barrier",
        version=2,
        title="Loss barrier",
        formula=r"\max_\alpha L(\alpha\theta_1 + (1-\alpha)\theta_2) - (\alpha L_1 + (1-\alpha) L_2)",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        needs_labels=True,
        reliable_from="25 points and 200 samples",
        pitfalls="Units are not matched, so independent networks have a barrier even when they compute the same "
        "function. Interpolated BatchNorm statistics make barriers higher than re-estimated ones.",
        source="Entezari et al. 2022, equation 1; Frankle et al. 2020, section 2, for the mean of the ends",
        parameters=BARRIER_PARAMETERS,
        pace=Pace.PATH,
        tolerance=1e-4,
    ),
)
def loss_barrier(
    start: Subject, end: Subject, *, points: int, outcome: str, reference: str, statistics: str
) -> Measurement:
    """Highest rise of the loss above the straight line between two networks, in nats."""
    return barrier(start, end, points=points, outcome=outcome, reference=reference, statistics=statistics)
