"""Class means and classifier weights."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.class_means import centred_means


@measure(
    one_layer_card(
        slug="nc3-duality",
        title="Neural collapse 3: self-duality",
        formula=r"\Big\lVert \frac{W}{\lVert W\rVert_F} - \frac{M}{\lVert M\rVert_F}\Big\rVert_F^2",
        low=0.0,
        high=4.0,
        direction=Direction.NEITHER,
        ignores={Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        reliable_from="20 samples per class",
        pitfalls="Only for the layer that enters the last linear layer. 0 means that weights and class means "
        "point the same way, 2 that they are unrelated.",
        source="Papyan et al. 2020, section 2 (NC3), squared",
    ),
)
def nc3_duality(layer: Layer) -> Tensor:
    """Squared distance between the classifier and the class means, each of norm 1."""
    means = centred_means(layer)
    named = layer.truth.unique()
    if len(named) and int(named[-1]) != len(named) - 1:
        raise Undefined("Labels must be 0 to C - 1, each with samples, to meet the rows of the last linear layer.")
    if layer.head is None or layer.head.shape != means.shape:
        raise Undefined("This layer does not enter the last linear layer, or a class has no samples.")
    head = layer.head.to(means.dtype)
    return (head / head.norm() - means / means.norm()).square().sum()
