"""Mean canonical correlation."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.canonical_correlations import basis, canonical_correlations, room_for_correlations
from kinscape.worker.similarity.kernels import few_samples


@measure(
    layer_card(
        slug="mean-cca",
        version=2,
        title="Mean CCA",
        formula=r"\frac{1}{r}\sum_{k=1}^{r} \rho_k,\quad r = \min(\mathrm{rank}\,X, \mathrm{rank}\,Y)",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={
            Change.PERMUTE_FEATURES,
            Change.ROTATE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="ten samples per feature of both layers together",
        pitfalls="Independent features score about the root of the wider width over N: directions without variance "
        "weigh as much as the largest. Undefined unless there are more samples than both ranks together. "
        "Intervals are up to 1.6 times too wide.",
        source="Hotelling 1936; mean as in Raghu et al. 2017, section 2",
        takes_positions=True,
    ),
    prepare=basis,
    small=few_samples,
)
def mean_cca(x: Tensor, y: Tensor) -> Tensor:
    """Mean correlation of the best matching directions of two layers, however small their variance."""
    room_for_correlations(x, y)
    return canonical_correlations(x, y).mean()
