"""Cosine similarity of two networks' weights."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Parameter
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.measures.weights.family import weights_card
from kinscape.worker.spectra.flat_weights import Flat, check_alike, flat


def unit_weights(weights: Weights, *, tensors: str) -> Flat:
    """Parameters as one vector of length 1."""
    found = flat(weights, tensors=tensors)
    values = found.values / found.values.abs().max().clamp_min(1e-300)
    length = values.norm()
    if not float(length) > 0:
        raise Undefined("All weights are zero, so the angle is 0/0.")
    return Flat(values / length, found.names)


@measure(
    weights_card(
        slug="weight-cosine",
        title="Weight cosine",
        formula=r"\frac{\langle \theta_a, \theta_b\rangle}{\lVert\theta_a\rVert\,\lVert\theta_b\rVert}",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="any two networks of one architecture",
        pitfalls="Independent networks score near 0 even when they compute the same function: units are not "
        "matched. A training start stays visible for long, so an untrained network is close to its "
        "descendants. Rounding outside the range is cut.",
        source="Cosine similarity of all trained parameters; running statistics are left out",
        parameters=(
            Parameter(
                name="tensors",
                default="all",
                choices=("all", "matrices"),
                help="All trained parameters, or only those with two or more dimensions.",
            ),
        ),
    ),
    prepare=unit_weights,
)
def weight_cosine(a: Flat, b: Flat, **_: object) -> Tensor:
    """Cosine of the angle between the two networks' parameters."""
    check_alike(a, b)
    return (a.values @ b.values).clamp(-1.0, 1.0)
