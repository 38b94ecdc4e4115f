"""The hill on a curve that was trained to avoid hills."""

from dataclasses import replace

import torch

from kinscape.backend.contracts.cards import Direction, Pace, Parameter
from kinscape.worker.curvature.barrier import BARRIER_PARAMETERS, reading
from kinscape.worker.curvature.bezier import along, trained_middle
from kinscape.worker.curvature.linear_paths import mixed
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import two_minima_card


@measure(
    two_minima_card(
        slug="bezier-barrier",
        title="Barrier along a trained curve",
        formula=r"\max_t L(\gamma_\phi(t)) - ((1-t) L_1 + t L_2),\quad "
        r"\gamma_\phi(t) = (1-t)^2\theta_1 + 2t(1-t)\phi + t^2\theta_2,\; "
        r"\phi \approx \arg\min \mathbb E_t L(\gamma_\phi(t))",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        symmetric=False,
        needs_labels=True,
        reliable_from="200 samples; as many steps as bring no further fall",
        pitfalls="An upper bound: more steps, or another rate, may find a lower curve, and on few samples the curve "
        "may suit just those. The interval is that of the samples for the curve that was found. Symmetric but for its "
        "draws.",
        source="Garipov et al. 2018, section 3 (quadratic Bezier curve); statistics of norms re-estimated along it",
        parameters=(
            BARRIER_PARAMETERS[0],
            Parameter(name="steps", default=400, minimum=1, maximum=20_000, help="Steps of gradient descent."),
            Parameter(name="rate", default=0.05, minimum=1e-6, maximum=10.0, help="Learning rate at the first step."),
            *BARRIER_PARAMETERS[1:3],
        ),
        pace=Pace.PATH,
        tolerance=1e-2,
    ),
)
def bezier_barrier(
    start: Subject, end: Subject, *, points: int, steps: int, rate: float, outcome: str, reference: str
) -> Measurement:
    """Highest rise of the loss above the line between two losses, along a curve that was trained to be low, in nats."""
    places = torch.linspace(0, 1, points, dtype=torch.float64).tolist()
    middles = (trained_middle(start, end, steps=steps, rate=rate), mixed([start.weights, end.weights], (0.5, 0.5)))
    trained, straight = (
        reading(along(start, middle, end, places), places, start.groups, outcome=outcome, reference=reference)
        for middle in middles
    )
    if trained.value <= straight.value:
        return trained
    told = "Training found no lower curve than the straight line, which is told: try another rate, or more steps."
    return replace(straight, warning=f"{straight.warning} {told}".strip())
