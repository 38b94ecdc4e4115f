"""Whether classifier weights meet their class means equally well."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.class_means import centred_means


@measure(
    one_layer_card(
        slug="unc3",
        title="Neural collapse, uniform 3: uniform duality",
        formula=r"\frac{\mathrm{std}_c\, s_c}{|\mathrm{mean}_c\, s_c|},\quad s_c = \cos(w_c, \mu_c - \mu_G)",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        reliable_from="20 samples per class",
        pitfalls="Only for the layer that enters the last linear layer. 0 means that every class is as well aligned as "
        "every other, whether well or badly. Without any alignment the mean is near 0 and the ratio explodes.",
        source="Wu & Papyan 2024, section 3 (UNC3): coefficient of variation of the cosines",
    ),
    undefined="Weights and class means are not aligned on average, so the ratio is not defined.",
)
def unc3(layer: Layer) -> Tensor:
    """Coefficient of variation of the cosines between classifier weights and class means."""
    means = centred_means(layer)
    named = layer.truth.unique()
    if len(named) and int(named[-1]) != len(named) - 1:
        raise Undefined("Labels must be 0 to C - 1, each with samples, to meet the rows of the last linear layer.")
    if layer.head is None or layer.head.shape != means.shape:
        raise Undefined("This layer does not enter the last linear layer, or a class has no samples.")
    cosines = torch.nn.functional.cosine_similarity(layer.head.to(means.dtype), means, dim=1)
    return cosines.std(correction=0) / cosines.mean().abs()
