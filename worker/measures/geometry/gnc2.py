"""Whether class means are spread evenly over the sphere."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.class_means import centred_means

FEWEST_CLASSES = 3


@measure(
    one_layer_card(
        slug="gnc2",
        title="Neural collapse, generalised 2: hyperspherical uniformity",
        formula=r"\frac{\mathrm{std}_{c<d}\, K_{cd}}{|\mathrm{mean}_{c<d}\, K_{cd}|},\quad "
        r"K_{cd} = -\log\lVert \hat\mu_c - \hat\mu_d\rVert,\ \hat\mu = \tfrac{\mu-\mu_G}{\lVert\mu-\mu_G\rVert}",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        reliable_from="20 samples per class",
        pitfalls="0 means that all class means are equally far from one another on the sphere, as in a simplex; it "
        "also "
        "makes sense where there are more classes than dimensions. The mean of the kernel is near 0 when typical "
        "distances are near 1, and the ratio explodes.",
        source="Wu & Papyan 2024, section 3 (GNC2): coefficient of variation of the logarithmic kernel",
    ),
    undefined="The distances between class means average to 1, where the ratio is not defined.",
)
def gnc2(layer: Layer) -> Tensor:
    """Coefficient of variation of the logarithmic inverse distances between class means on the sphere."""
    means = centred_means(layer)
    if len(means) < FEWEST_CLASSES:
        raise Undefined("Two classes have one distance, which does not vary; three are needed.")
    unit = torch.nn.functional.normalize(means, dim=1)
    kernel = -torch.pdist(unit).log()
    if not bool(kernel.isfinite().all()):
        raise Undefined("Two classes have means in the same direction.")
    return kernel.std(correction=0) / kernel.mean().abs()
