"""Effective rank of a representation, not centred."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.measures.geometry.family import one_layer_card
from kinscape.worker.similarity.kernels import as_given


@measure(
    one_layer_card(
        slug="rankme",
        title="RankMe",
        formula=r"\exp\Big(-\sum_k p_k \log p_k\Big),\quad p_k = \frac{\sigma_k}{\lVert\sigma\rVert_1}",
        low=1.0,
        high=None,
        direction=Direction.NEITHER,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
        reliable_from="ten samples per feature; it cannot exceed the number of samples",
        pitfalls="Features as given: a common mean adds one strong direction. Grows with the width.",
        source="Garrido et al. 2023, equation 2, without the constant added for stability",
    ),
)
def rankme(layer: Layer) -> Tensor:
    """How many directions a layer uses, from the entropy of its singular values."""
    sigma = torch.linalg.svdvals(as_given(layer.features))
    return torch.special.entr(sigma / sigma.sum()).sum().exp()
