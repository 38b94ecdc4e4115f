"""Length of the weights of the last matrix."""

from torch import Tensor

from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.layers import every_matrix, layer_name


@measure(
    matrices_card(
        slug="last-layer-l2-norm",
        title="L2 norm of the last layer",
        formula=r"\lVert W_L\rVert_F",
        low=0.0,
        high=None,
        reliable_from="any number of weights",
        pitfalls="The last matrix in the order in which weights are stored, which is nearly always the classifier; its "
        "name is told with the number. Grows with the number of classes. Follows how confident the network is.",
        source="Frobenius norm of the last matrix",
    ),
    prepare=every_matrix,
)
def last_layer_l2_norm(weights: dict[str, Tensor]) -> Measurement:
    """How long the weights of the last layer are."""
    if not weights:
        raise Undefined("There is no matrix among the weights.")
    name, last = list(weights.items())[-1]
    return Measurement(float(last.norm()), notes={"layer": layer_name(name)})
