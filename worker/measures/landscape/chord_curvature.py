"""Curvature of one minimum in the direction of another network."""

from kinscape.backend.contracts.cards import Direction, Pace
from kinscape.worker.curvature.directional_curvature import curvature_along
from kinscape.worker.curvature.linear_paths import same_architecture
from kinscape.worker.curvature.vectors import all_weights
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import two_minima_card


@measure(
    two_minima_card(
        slug="chord-curvature",
        title="Curvature along the chord",
        formula=r"\frac{d^\top H_a\, d}{\lVert d\rVert^2},\quad d = \theta_b - \theta_a",
        low=None,
        high=None,
        direction=Direction.NEITHER,
        symmetric=False,
        needs_labels=True,
        reliable_from="500 samples",
        pitfalls="At the first network only, in the direction of the second: a small value does not mean that the "
        "loss is flat further along the line. Units are not matched. A network has no chord to itself.",
        source="Second derivative of the loss along the straight line, by one Hessian product",
        pace=Pace.PATH,
        tolerance=1e-4,
    ),
)
def chord_curvature(start: Subject, end: Subject) -> Measurement:
    """How steeply the loss bends at one network towards another, in nats per squared weight."""
    same_architecture([start, end])
    chord = all_weights(end) - all_weights(start)
    length = float(chord.double().norm())
    if not length > 0:
        raise Undefined("Both have the same weights, so there is no direction from one to the other.")
    unit = chord / length
    value, replicates = curvature_along(start, unit)
    return Measurement(value, replicates, notes={"distance": length})
