"""Correlation of units that are matched one to one."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.matching import best_match, products, unit_columns


@measure(
    layer_card(
        slug="unit-matching",
        title="Unit matching",
        formula=r"\frac{1}{m}\max_\pi \sum_{i=1}^{m} \mathrm{corr}(x_i, y_{\pi(i)}),\quad m = \min(D, D^\prime)",
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={
            Change.PERMUTE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Signed: a unit that mirrors another does not match it. Silent units are left out. The best of "
        "many matches is above 0 for independent features.",
        source="Li et al. 2016, section 3.2",
        takes_positions=True,
    ),
    prepare=unit_columns,
)
def unit_matching(x: Tensor, y: Tensor) -> Tensor:
    """Mean correlation of the units of two layers under the best one-to-one match."""
    return best_match(products(x, y)).mean().clamp(-1, 1)
