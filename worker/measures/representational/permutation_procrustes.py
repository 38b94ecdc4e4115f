"""Distance of two representations after the best permutation of units."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.matching import best_match, products
from kinscape.worker.similarity.rotation import unit_frobenius


@measure(
    layer_card(
        slug="permutation-procrustes",
        title="Permutation Procrustes distance",
        formula=r"\min_{P} \lVert X - Y P\rVert_F^2 = 2 - 2 \max_P \langle X, Y P\rangle",
        low=0.0,
        high=4.0,
        identical=0.0,
        direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples",
        pitfalls="Centred, unit Frobenius norm; the narrower layer is filled with silent units. Larger than the "
        "Procrustes distance, because only orders of units are tried.",
        source="Williams et al. 2021, section 2.3 (permutation group)",
        takes_positions=True,
    ),
    prepare=unit_frobenius,
)
def permutation_procrustes(x: Tensor, y: Tensor) -> Tensor:
    """Squared distance that is left after the best reordering of the units of one layer."""
    return 2 - 2 * best_match(products(x, y)).sum()
