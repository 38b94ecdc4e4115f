"""Loss barrier after the units of one network are matched to the other's."""

from dataclasses import replace

from kinscape.backend.contracts.cards import Change, Direction, Pace
from kinscape.worker.curvature.barrier import BARRIER_PARAMETERS, barrier
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import two_minima_card
from kinscape.worker.permutations.matching import with_matched_units


@measure(
    two_minima_card(
        slug="loss-barrier-matched",
        version=3,
        title="Loss barrier, units matched",
        formula=r"\max_\alpha L(\alpha\theta_1 + (1-\alpha)\,\pi(\theta_2)) - (\alpha L_1 + (1-\alpha) L_2)",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        symmetric=False,
        ignores={Change.PERMUTE_UNITS},
        needs_labels=True,
        reliable_from="25 points and 200 samples",
        pitfalls="The second network's units are matched to the first's by their weights; a better order may exist. "
        "Narrow networks keep a barrier even so. Interpolated BatchNorm statistics make barriers higher.",
        source="Entezari et al. 2022, section 3; matching: Ainsworth et al. 2023, algorithm 1",
        parameters=BARRIER_PARAMETERS,
        pace=Pace.PATH,
        tolerance=1e-4,
    ),
)
def loss_barrier_matched(
    start: Subject, end: Subject, *, points: int, outcome: str, reference: str, statistics: str
) -> Measurement:
    """Highest rise of the loss on the line between two networks after the best reordering of units, in nats."""
    twin, notes = with_matched_units(start, end)
    result = barrier(start, twin, points=points, outcome=outcome, reference=reference, statistics=statistics)
    return replace(result, notes={**result.notes, **notes})
