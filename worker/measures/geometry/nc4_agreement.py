"""The network decides like the nearest class mean."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.class_means import class_means


@measure(
    one_layer_card(
        slug="nc4-agreement",
        title="Neural collapse 4: nearest class mean",
        formula=r"\frac1N\sum_i [\arg\max z_i = \arg\min_c \lVert h_i - \mu_c\rVert]",
        low=0.0,
        high=1.0,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        counts_events=True,
        reliable_from="20 samples per class",
        pitfalls="Class means come from the same samples. Only classes with samples are candidates.",
        source="Papyan et al. 2020, section 2 (NC4)",
    ),
)
def nc4_agreement(layer: Layer) -> Tensor:
    """Share of samples that the network gives the class whose mean is nearest in this layer."""
    classes = class_means(layer)
    if layer.logits is None:
        raise Undefined("This measure needs the network's outputs beside the features: pass logits=.")
    nearest = torch.cdist(classes.features, classes.means).argmin(1)
    return (classes.names[nearest] == layer.logits.argmax(1)).to(torch.float64).mean()
