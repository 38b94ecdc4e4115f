"""Distance between two networks' weights."""

from torch import Tensor

from backend.contracts.cards import Direction, Family, Input, Parameter, Question, Role, Uncertainty
from worker.measures.measure import measure
from worker.measures.weights.flat import Flat, check_alike, flat


@measure(
    slug="weight-l2",
    title="Weight distance",
    family=Family.WEIGHTS,
    question=Question.WEIGHTS_ALIKE,
    formula=r"\lVert \theta_a - \theta_b\rVert_2",
    input=Input.WEIGHTS,
    bounds=(0.0, None),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    role=Role.NONE,
    uncertainty=Uncertainty.EXACT,
    reliable_from="any two networks of one architecture",
    pitfalls="In the unit of the weights: longer training and larger networks make it larger. Units are not matched.",
    source="Euclidean distance of all trained parameters; running statistics are left out",
    parameters=(
        Parameter(
            name="tensors",
            default="all",
            choices=("all", "matrices"),
            help="All trained parameters, or only those with two or more dimensions.",
        ),
    ),
    prepare=flat,
)
def weight_l2(a: Flat, b: Flat, **_: object) -> Tensor:
    """Euclidean distance between the two networks' parameters."""
    check_alike(a, b)
    return (a.values - b.values).norm()
