"""Equal angles of the class means."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.class_means import centred_means


@measure(
    one_layer_card(
        slug="nc2-etf",
        title="Neural collapse 2: equal angles",
        formula=r"\mathrm{mean}_{c\ne d}\Big|\cos(\mu_c - \mu_G, \mu_d - \mu_G) + \frac1{C-1}\Big|",
        low=0.0,
        high=2.0,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        needs_labels=True,
        reliable_from="20 samples per class",
        pitfalls="0 means that the class means form a simplex. For two classes it is always 0.",
        source="Papyan et al. 2020, section 2 (NC2)",
    ),
)
def nc2_etf(layer: Layer) -> Tensor:
    """How far the angles between class means are from those of a simplex."""
    unit = torch.nn.functional.normalize(centred_means(layer), dim=1)
    count = len(unit)
    cosine = unit @ unit.T
    off = ~torch.eye(count, dtype=torch.bool, device=unit.device)
    return (cosine[off] + 1 / (count - 1)).abs().mean()
