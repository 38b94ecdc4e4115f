"""Correlation of each unit with its best partner."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.matching import products, unit_columns


@measure(
    layer_card(
        slug="unit-matching-semi",
        title="Semi-matching of units",
        formula=r"\frac{1}{D}\sum_i \max_j \mathrm{corr}(x_i, y_j)",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        symmetric=False,
        ignores={
            Change.PERMUTE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Directed: several units of the first layer may share a partner in the second. Silent units are "
        "left out. The best of many partners is above 0 for independent features.",
        source="Li et al. 2016, section 3.3",
        takes_positions=True,
    ),
    prepare=unit_columns,
)
def unit_matching_semi(x: Tensor, y: Tensor) -> Tensor:
    """Mean correlation of the first layer's units, each with its best partner in the second."""
    return products(x, y).amax(1).mean().clamp(-1, 1)
