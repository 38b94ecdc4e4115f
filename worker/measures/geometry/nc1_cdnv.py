"""Class-distance normalised variance."""

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
        slug="nc1-cdnv",
        title="Neural collapse 1: class-distance normalised variance",
        formula=r"\frac{2}{C(C-1)}\sum_{c<d} \frac{\mathrm{Var}_c + \mathrm{Var}_d}{2\lVert\mu_c - "
        r"\mu_d\rVert^2}",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        reliable_from="20 samples per class",
        pitfalls="0 means that every class is one point. Pairs of classes are weighted equally, so one confused pair "
        "can dominate.",
        source="Galanti et al. 2022, definition 1",
    ),
)
def nc1_cdnv(layer: Layer) -> Tensor:
    """Spread within classes relative to the squared distance between them."""
    classes = class_means(layer)
    apart = torch.cdist(classes.means, classes.means, compute_mode="donot_use_mm_for_euclid_dist").square()
    one, other = torch.triu_indices(len(apart), len(apart), offset=1, device=apart.device)
    if bool((apart[one, other] < 1e-24).any()):
        raise Undefined("Two classes have the same mean, so the distance between them is 0.")
    spread = classes.variances
    return ((spread[one] + spread[other]) / (2 * apart[one, other])).mean()
