"""Overlap of nearest neighbours."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.from_features import FromFeatures
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.neighbourhoods import (
    NEIGHBOURS,
    Neighbourhoods,
    by_neighbourhoods,
    has_neighbours,
    neighbours,
    overlaps,
    shared,
)


def score(near: Neighbourhoods, i: int, others: Tensor) -> Tensor:
    """Values of one model with several others."""
    return overlaps(near, i, others).mean(1) / near.order.shape[2]


@measure(
    layer_card(
        slug="mutual-knn",
        title="Mutual nearest neighbours",
        formula=r"\frac{1}{Nk}\sum_i |N_k(x_i)\cap N_k(y_i)|",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="10·k samples",
        pitfalls="Chance is k/(N-1). Cosine of features as given, so a shift changes it. Cosines equal to twelve "
        "digits tie, and ties go to the lower sample number: centre features whose mean is 10,000 times their spread. "
        "Intervals are up to 1.5 times too wide.",
        source="Huh et al. 2024, appendix A",
        parameters=NEIGHBOURS,
    ),
    prepare=neighbours,
    all_pairs=FromFeatures(by_neighbourhoods(score, in_order=False), check=has_neighbours),
)
def mutual_knn(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Share of each sample's nearest neighbours that both layers agree on."""
    both = shared(x, y)
    return both.mean() / x.shape[-1]
