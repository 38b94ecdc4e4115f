"""Alignment of a layer with the input."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.kernels import unit_u_gram


@measure(
    one_layer_card(
        slug="input-alignment",
        title="Input alignment",
        formula=r"\mathrm{CKA}_u(X, \text{input})",
        low=-1.0,
        high=1.0,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        reliable_from="50 samples",
        pitfalls="Linear kernel of the raw input, which for images is mostly brightness and position.",
        source="Kornblith et al. 2019, section 3; unbiased",
    ),
)
def input_alignment(layer: Layer) -> Tensor:
    """Unbiased linear CKA between a layer and the raw samples."""
    if layer.inputs is None:
        raise Undefined("This measure needs the raw samples beside the features: pass inputs=.")
    return unit_u_gram(layer.features) @ unit_u_gram(layer.inputs)
