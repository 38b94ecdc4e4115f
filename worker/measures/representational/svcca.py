"""Singular vector canonical correlation analysis."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Parameter, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.canonical_correlations import basis, canonical_correlations, room_for_correlations


@measure(
    layer_card(
        slug="svcca",
        version=2,
        title="SVCCA",
        formula=r"\frac{1}{r}\sum_{k=1}^{r} \rho_k \text{ of the principal components that hold 99 \% of the "
        r"variance}",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES, Change.SHIFT_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="ten samples per retained component",
        pitfalls="The number of retained components jumps with the threshold. Saturates when samples are few. "
        "Intervals are up to 1.6 times too wide.",
        source="Raghu et al. 2017, section 2; variance, not singular values, decides what is retained",
        parameters=(
            Parameter(
                name="variance",
                default=0.99,
                minimum=0.01,
                maximum=1.0,
                help="Share of the variance that the retained components explain.",
            ),
        ),
        takes_positions=True,
    ),
    prepare=basis,
)
def svcca(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Mean canonical correlation of the directions that hold nearly all variance of two layers."""
    room_for_correlations(x, y)
    return canonical_correlations(x, y).mean()
