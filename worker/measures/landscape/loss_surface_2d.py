"""The loss on a plane through a network."""

import math

import torch

from kinscape.backend.contracts.cards import Change, Parameter
from kinscape.worker.curvature.directions import DIRECTION, REACH, by_weight, directions, odd
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.loss_evaluator import LossEvaluator
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="loss-surface-2d",
        version=2,
        title="Loss on a plane",
        formula=r"\operatorname{mean}_{(\alpha,\beta) \in [-r,r]^2} L(\theta + \alpha d_1 + \beta d_2) - L(\theta)",
        low=None,
        high=None,
        ignores={Change.RESCALE_LAYERS},
        needs_labels=True,
        reliable_from="200 samples; one plane of very many",
        pitfalls="Read the plot: the mean rise over the plane is only a summary of it. Another seed, or another "
        "order of units, draws other directions. Two random directions nearly always look smooth: most of "
        "the curvature is elsewhere.",
        source="Li et al. 2018, section 4; an odd number of points to a side, so the network itself is one of them",
        parameters=(
            DIRECTION,
            REACH,
            Parameter(name="points", default=17, minimum=3, maximum=201, help="Points to a side; an odd number."),
        ),
        tolerance=1e-3,
    ),
)
def loss_surface_2d(subject: Subject, *, direction: str, reach: float, points: int) -> Measurement:
    """Mean rise of the loss over a square around the network, in nats."""
    points = odd(points)
    first, second = (by_weight(subject, v) for v in directions(subject, direction, 2))
    axis = torch.linspace(-reach, reach, points, dtype=torch.float64)
    axis[points // 2] = 0
    base = subject.losses(subject.weights).double().cpu()
    if not bool(base.isfinite().all()):
        raise Undefined("The loss of the network itself is not finite.")
    places, means, gaps = [], [], 0
    traveller = LossEvaluator(subject, [first, second])
    total = torch.zeros(subject.samples, dtype=torch.float64)
    for a in axis.tolist():
        for b in axis.tolist():
            losses = traveller.losses((a, b)).double().cpu()
            mean = float(losses.mean())
            places.append((a, b))
            means.append(mean)
            if math.isfinite(mean):
                total += losses
            else:
                gaps += 1
    rise = total / (len(places) - gaps) - base
    return Measurement(
        float(rise.mean()),
        group_means(rise, subject),
        series={"x": [a for a, _ in places], "y": [b for _, b in places], "loss": means},
        warning=f"The loss is not finite at {gaps} of {len(places)} points, which are left out." if gaps else "",
    )
