"""Overlap of nearest neighbours times the agreement of their ranks."""

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
from kinscape.worker.similarity.rank_lists import in_block, of_lists


def score(near: Neighbourhoods, i: int, others: Tensor) -> Tensor:
    """Values of one model with several others."""
    both = overlaps(near, i, others)
    return (both / (2 * near.order.shape[2] - both) * in_block(near, i, others)).mean(1)


@measure(
    layer_card(
        slug="rank-joint-jaccard",
        title="Joint rank and Jaccard similarity",
        formula=r"\frac1N\sum_i \mathrm{Jaccard}_i \cdot \mathrm{RankSim}_i",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={Change.PERMUTE_FEATURES, Change.ROTATE_FEATURES, Change.SCALE_FEATURES},
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="10·k samples",
        pitfalls="The product is taken for each sample. Cosine of features as given; ties go to the lower sample "
        "number. "
        "Intervals are up to 1.5 times too wide.",
        source="Wang et al. 2020, section 3",
        parameters=NEIGHBOURS,
    ),
    prepare=neighbours,
    all_pairs=FromFeatures(by_neighbourhoods(score), check=has_neighbours),
)
def rank_joint_jaccard(x: Tensor, y: Tensor, **_: object) -> Tensor:
    """Overlap of the nearest neighbours of a sample times the agreement of their ranks."""
    both = shared(x, y)
    return (both / (2 * x.shape[-1] - both) * of_lists(x, y)).mean()
