"""The loss along a line through a network."""

import torch

from kinscape.backend.contracts.cards import Change, Parameter
from kinscape.worker.curvature.directions import DIRECTION, REACH, by_weight, directions, moved, odd
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.linear_paths import outcomes_at
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="loss-slice-1d",
        version=2,
        title="Loss along a line",
        formula=r"\frac{1}{2r}\int_{-r}^{r} L(\theta + \alpha d) - L(\theta)\, d\alpha",
        low=None,
        high=None,
        ignores={Change.RESCALE_LAYERS},
        needs_labels=True,
        reliable_from="200 samples; one direction of very many",
        pitfalls="The picture is the point: mean rise over the slice is a summary of it. Another seed, or another "
        "order of "
        "units, draws another direction. Biases and norm layers stand still in filter directions.",
        source="Li et al. 2018, section 4; an odd number of points, so the network itself is one of them",
        parameters=(
            DIRECTION,
            REACH,
            Parameter(name="points", default=41, minimum=3, maximum=1001, help="Points of the line; an odd number."),
        ),
        tolerance=1e-3,
    ),
)
def loss_slice_1d(subject: Subject, *, direction: str, reach: float, points: int) -> Measurement:
    """Mean rise of the loss along a line through the network, in nats."""
    points = odd(points)
    along = by_weight(subject, directions(subject, direction, 1)[0])
    steps = torch.linspace(-reach, reach, points, dtype=torch.float64)
    steps[points // 2] = 0
    rows = [outcomes_at(subject, moved(subject.weights, along, s)) for s in steps.tolist()]
    losses = torch.stack([r[0] for r in rows])
    finite = losses.isfinite().all(1)
    if not bool(finite[points // 2]):
        raise Undefined("The loss of the network itself is not finite.")
    rise = (losses - losses[points // 2])[finite].mean(0)
    accuracy = torch.stack([1 - r[1].mean() for r in rows]).masked_fill(~finite, float("nan"))
    gaps = int((~finite).sum())
    return Measurement(
        float(rise.mean()),
        group_means(rise, subject),
        series={"step": steps.tolist(), "loss": losses.mean(1).tolist(), "accuracy": accuracy.tolist()},
        warning=f"The loss is not finite at {gaps} of {points} points, which are left out." if gaps else "",
    )
