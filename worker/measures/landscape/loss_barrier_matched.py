"""Loss barrier after the units of one network are matched to the other's."""

import copy
from dataclasses import replace

from backend.contracts.cards import Change, Direction, Family, Input, Pace, Parameter, Question, Role, Uncertainty
from worker.measures.inputs import Subject, Undefined
from worker.measures.landscape.loss_barrier import barrier, line_losses
from worker.measures.measure import Reading, measure
from worker.measures.weights.units import matched, orders_of, reordered


def with_matched_units(start: Subject, end: Subject) -> Subject:
    """The second network with its units in the order that brings its weights closest to the first."""
    if str(start.module) != str(end.module):
        raise Undefined("Not comparable: different architectures.")
    orders = orders_of(start.module)
    chosen = matched(start.weights, end.weights, orders)
    twin = copy.deepcopy(end.module)
    twin.load_state_dict(reordered(end.module.state_dict(), orders, chosen))
    return replace(end, module=twin)


@measure(
    slug="loss-barrier-matched",
    title="Loss barrier, units matched",
    family=Family.LANDSCAPE,
    question=Question.MINIMUM,
    formula=r"\max_\alpha L(\alpha\theta_1 + (1-\alpha)\,\pi(\theta_2)) - (\alpha L_1 + (1-\alpha) L_2)",
    input=Input.NETWORK,
    bounds=(0.0, None),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    symmetric=False,
    ignores={Change.PERMUTE_UNITS},
    role=Role.TRAIN,
    needs_labels=True,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="25 points and 200 samples",
    pitfalls="The second network's units are matched to the first's by their weights; a better order may exist. "
    "Narrow networks keep a barrier even so. BatchNorm statistics are interpolated, not re-estimated.",
    source="Entezari et al. 2022, section 3; matching: Ainsworth et al. 2023, algorithm 1",
    parameters=(
        Parameter(name="points", default=25, minimum=3, maximum=1001, help="Points on the line, ends included."),
    ),
    pace=Pace.PATH,
    tolerance=1e-4,
)
def loss_barrier_matched(start: Subject, end: Subject, *, points: int) -> Reading:
    """Highest rise of the loss on the line between two networks after the best reordering of units, in nats."""
    return barrier(line_losses(start, with_matched_units(start, end), points=points), start.groups)
