"""In how many directions the weights can move the function."""

from kinscape.backend.contracts.cards import Change, Direction, Parameter, Uncertainty
from kinscape.worker.curvature.tangent_kernel import jacobian_rank
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="functional-dimension",
        title="Functional dimension",
        formula=r"\operatorname{rank}\, \frac{\partial (f(x_1), \dots, f(x_m))}{\partial\theta}",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
        uncertainty=Uncertainty.EXACT,
        reliable_from="more samples times classes than weights",
        pitfalls="On these samples: it cannot exceed samples times classes, nor the number of weights; both are told "
        "as "
        "the largest possible value. Compare with that, not between networks of different sizes. Ranks are counted in "
        "float64 above a relative 1e-12.",
        source="Grigsby et al. 2022, definition of the batch functional dimension",
        parameters=(
            Parameter(name="samples", default=50, minimum=2, maximum=500, help="Samples, evenly spread over the set."),
        ),
        tolerance=1e-9,
    ),
)
def functional_dimension(subject: Subject, *, samples: int) -> Measurement:
    """Rank of the derivative of all outputs by all weights."""
    rank, largest = jacobian_rank(subject, samples)
    return Measurement(float(rank), notes={"largest_possible": largest})
