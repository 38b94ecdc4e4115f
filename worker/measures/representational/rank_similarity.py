"""Agreement of the ranks of shared neighbours."""

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
)
from kinscape.worker.similarity.rank_lists import in_block, of_lists


def score(near: Neighbourhoods, i: int, others: Tensor) -> Tensor:
    """Values of one model with several others."""
    return in_block(near, i, others).mean(1)


@measure(
    layer_card(
        slug="rank-similarity",
        title="Rank similarity of neighbours",
        formula=r"\frac1N\sum_i \frac{1}{H_{|S_i|}} \sum_{j\in S_i} "
        r"\frac{2}{(1+|r_{ij}-r^\prime_{ij}|)(r_{ij}+r^\prime_{ij})},\quad S_i = N_k(x_i)\cap "
        r"N_k(y_i)",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="10·k samples",
        pitfalls="Normalised by the neighbours that are shared, not by k: one shared nearest neighbour already gives "
        "1. Read it together with knn-jaccard. Intervals are up to 1.5 times too wide.",
        source="Wang et al. 2020, equations 4-5",
        parameters=NEIGHBOURS,
    ),
    prepare=neighbours,
    all_pairs=FromFeatures(by_neighbourhoods(score), check=has_neighbours),
)
def rank_similarity(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """How far the shared nearest neighbours of a sample are equally near in both layers."""
    return of_lists(x, y).mean()
