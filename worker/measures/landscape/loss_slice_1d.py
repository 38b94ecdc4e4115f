"""The loss along a line through a network."""

import torch

from backend.contracts.cards import Change, Parameter
from worker.measures.inputs import Subject, Undefined
from worker.measures.landscape.directions import EIGENVECTORS, FILTER, by_weight, directions, moved
from worker.measures.landscape.minimum import group_means, measure_of_minimum
from worker.measures.landscape.paths import outcomes_at
from worker.measures.measure import Reading

DIRECTION = Parameter(
    name="direction", default=FILTER, choices=(FILTER, EIGENVECTORS),
    help="Random with every filter as long as the network's own, or the top eigenvectors of the Hessian.",
)  # fmt: skip
REACH = Parameter(name="reach", default=1.0, minimum=1e-6, maximum=1000, help="Steps of this many directions' lengths.")


def odd(points: int) -> int:
    """The next odd number, so that the centre is one of the points."""
    return points + 1 - points % 2


@measure_of_minimum(
    slug="loss-slice-1d",
    title="Loss along a line",
    formula=r"\frac{1}{2r}\int_{-r}^{r} L(\theta + \alpha d) - L(\theta)\, d\alpha",
    bounds=(None, None),
    ignores={Change.RESCALE_LAYERS},
    needs_labels=True,
    reliable_from="200 samples; one direction of very many",
    pitfalls="The picture is the point: mean rise over the slice is a summary of it. Another seed, or another order of "
    "units, draws another direction. Biases and norm layers stand still in filter directions.",
    source="Li et al. 2018, section 4; an odd number of points, so the network itself is one of them",
    parameters=(
        DIRECTION,
        REACH,
        Parameter(name="points", default=41, minimum=3, maximum=1001, help="Points of the line; an odd number."),
    ),
    tolerance=1e-3,
)
def loss_slice_1d(subject: Subject, *, direction: str, reach: float, points: int) -> Reading:
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
    return Reading(
        float(rise.mean()),
        group_means(rise, subject),
        series={"step": steps.tolist(), "loss": losses.mean(1).tolist(), "accuracy": accuracy.tolist()},
        warning=f"The loss is not finite at {gaps} of {points} points, which are left out." if gaps else "",
    )
