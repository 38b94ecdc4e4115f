"""How far training moved the weights."""

import math

from kinscape.backend.contracts.cards import Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.measures.weights.family import weights_card
from kinscape.worker.spectra.flat_weights import Flat, check_alike, flat
from kinscape.worker.spectra.layers import layer_name


def all_parameters(weights: Weights, **_: object) -> Flat:
    """All trained parameters as one vector."""
    return flat(weights, tensors="all")


@measure(
    weights_card(
        slug="distance-from-init",
        title="Distance from the initial weights",
        formula=r"\lVert\theta_b - \theta_a\rVert_2 \,/\, \lVert\theta_a\rVert_2",
        low=0.0,
        high=None,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        symmetric=False,
        reliable_from="any number of weights",
        pitfalls="Relative to the first checkpoint, which is the initial one; the absolute distance is the L2 distance "
        "of weights. Units are not matched.",
        source="Nagarajan & Kolter 2019, section 3, divided by the length of the initial weights",
    ),
    prepare=all_parameters,
)
def distance_from_init(initial: Flat, trained: Flat) -> Measurement:
    """How far the second network's weights lie from the first's, in lengths of the first's."""
    check_alike(initial, trained)
    length = float(initial.values.norm())
    if not length > 0:
        raise Undefined("The initial weights are all zero, so no distance is relative to them.")
    sizes = [math.prod(shape) for _, shape in initial.names]
    layers: list[float | str | None] = []
    values: list[float | str | None] = []
    for (name, _), a, b in zip(initial.names, initial.values.split(sizes), trained.values.split(sizes), strict=True):
        own = float(a.norm())
        layers.append(layer_name(name))
        values.append(float((b - a).norm()) / own if own > 0 else None)
    return Measurement(
        float((trained.values - initial.values).norm()) / length, series={"layer": layers, "value": values}
    )
