"""Jaccard similarity of nearest neighbours."""

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
    both = overlaps(near, i, others)
    return (both / (2 * near.order.shape[2] - both)).mean(1)


@measure(
    layer_card(
        slug="knn-jaccard",
        title="Nearest-neighbour Jaccard",
        formula=r"\frac{1}{N}\sum_i \frac{|N_k(x_i)\cap N_k(y_i)|}{|N_k(x_i)\cup N_k(y_i)|}",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="10·k samples; chance is about k/(2N) while k is well below N",
        pitfalls="Local: depends on each sample's nearest neighbours only. Cosine of features as given, so a shift "
        "changes it. Cosines equal to twelve digits tie, and ties go to the lower sample number. Intervals are up to "
        "1.5 times too wide.",
        source="Schumacher et al. 2020, section 3",
        parameters=NEIGHBOURS,
    ),
    prepare=neighbours,
    all_pairs=FromFeatures(by_neighbourhoods(score, in_order=False), check=has_neighbours),
)
def knn_jaccard(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Overlap of each sample's nearest neighbours in the two layers, over their union."""
    both = shared(x, y)
    return (both / (2 * x.shape[-1] - both)).mean()
