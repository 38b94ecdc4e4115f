"""Cosine of samples after the best rotation."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.kernels import narrowed
from kinscape.worker.similarity.rotation import polar


@measure(
    layer_card(
        slug="aligned-cosine",
        version=2,
        title="Aligned cosine",
        formula=r"\frac1N\sum_i \cos(x_i Q, y_i),\quad Q = \arg\min_{Q^\top Q = I} \lVert XQ - Y\rVert_F",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="samples well above the width",
        pitfalls="Features as given, not centred: a common mean makes all layers alike. The narrower layer is "
        "filled with zeros; samples that are zero in one layer are left out.",
        source="Hamilton et al. 2016, section 3.2",
    ),
    prepare=narrowed,
    undefined="No sample is seen by both layers.",
)
def aligned_cosine(x: Tensor, y: Tensor) -> Tensor:
    """Mean cosine between both views of a sample after the best rotation of one layer."""
    _values, rotation = polar(x.T @ y)
    rotated = ((x @ rotation) * y).sum(1)
    length = x.norm(dim=1) * y.norm(dim=1)
    seen = length > 0
    return (rotated[seen] / length[seen]).mean().clamp(-1, 1)
