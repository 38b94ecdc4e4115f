"""Alignment of a layer with the labels."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.kernels import unit_u_gram


@measure(
    one_layer_card(
        slug="label-alignment",
        title="Label alignment",
        formula=r"\mathrm{CKA}_u(X, \text{one-hot labels})",
        low=-1.0,
        high=1.0,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        reliable_from="50 samples",
        pitfalls="Reaches 1 only when all samples of a class coincide and the classes are equally far apart.",
        source="Cristianini et al. 2001, definition 2; unbiased and centred",
    ),
)
def label_alignment(layer: Layer) -> Tensor:
    """Unbiased linear CKA between a layer and the one-hot labels."""
    _, labels = layer.truth.unique(return_inverse=True)
    return unit_u_gram(layer.features) @ unit_u_gram(torch.nn.functional.one_hot(labels))
