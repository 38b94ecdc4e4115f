"""Distance between two networks' weights."""

from torch import Tensor

from kinscape.backend.contracts.cards import Direction, Parameter
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.weights.family import weights_card
from kinscape.worker.spectra.flat_weights import Flat, check_alike, flat


@measure(
    weights_card(
        slug="weight-l2",
        title="Weight distance",
        formula=r"\lVert \theta_a - \theta_b\rVert_2",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        reliable_from="any two networks of one architecture",
        pitfalls="In the unit of the weights: longer training and larger networks make it larger. Units are not "
        "matched.",
        source="Euclidean distance of all trained parameters; running statistics are left out",
        parameters=(
            Parameter(
                name="tensors",
                default="all",
                choices=("all", "matrices"),
                help="All trained parameters, or only those with two or more dimensions.",
            ),
        ),
    ),
    prepare=flat,
)
def weight_l2(a: Flat, b: Flat, **_: object) -> Tensor:
    """Euclidean distance between the two networks' parameters."""
    check_alike(a, b)
    return (a.values - b.values).norm()
